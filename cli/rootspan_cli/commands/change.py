"""`rootspan change`: tells that something of the fleet was changed."""

import getpass
import time
from typing import Annotated

import typer

from rootspan_cli.errors import BadAnswer, WrongUse
from rootspan_cli.extras import needing
from rootspan_cli.help import DEFAULT_COLLECTOR, CollectorOption, examples
from rootspan_cli.times import parse_time_ns

__all__ = ["EPILOG", "change"]

EPILOG = examples(
    ("rootspan change deploy --service ranker --version 3.9.0", "at the end of a pipeline"),
    ("rootspan change driver --host gpu-017 --text 'driver 560 to 565'", "before the node is uncordoned"),
    ("rootspan change feature-flag --service checkout --text 'new-cart on' --at 10m", "ten minutes ago"),
    ("rootspan change topology --scope network.switch=leaf-3 --text 'new optics'", "any attribute as scope"),
)
_SERVICE = "rootspan-change"
"""The record's own service: it is nobody's log line."""


def change(
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND",
            envvar="ROOTSPAN_CHANGE_KIND",
            help="deploy, config, feature-flag, driver, kernel, topology, scale, or a word of your own.",
        ),
    ],
    *,
    service: Annotated[
        str | None, typer.Option("--service", envvar="ROOTSPAN_CHANGE_SERVICE", help="Of which service.")
    ] = None,
    version: Annotated[
        str | None, typer.Option("--version", envvar="ROOTSPAN_CHANGE_VERSION", help="Its new version.")
    ] = None,
    previous: Annotated[
        str | None,
        typer.Option("--previous", envvar="ROOTSPAN_CHANGE_PREVIOUS", help="The version or value before."),
    ] = None,
    host: Annotated[
        str | None, typer.Option("--host", envvar="ROOTSPAN_CHANGE_HOST", help="On which host only.")
    ] = None,
    region: Annotated[
        str | None, typer.Option("--region", envvar="ROOTSPAN_CHANGE_REGION", help="In which region only.")
    ] = None,
    job: Annotated[
        str | None, typer.Option("--job", envvar="ROOTSPAN_CHANGE_JOB", help="Of which training job.")
    ] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option(
            "--scope",
            envvar="ROOTSPAN_CHANGE_SCOPE",
            metavar="NAME=VALUE",
            help="Any other attribute, such as network.switch=leaf-3.",
        ),
    ] = None,
    text: Annotated[
        str, typer.Option("--text", "-m", envvar="ROOTSPAN_CHANGE_TEXT", help="What was done, for a person.")
    ] = "",
    author: Annotated[
        str | None,
        typer.Option("--author", envvar="ROOTSPAN_CHANGE_AUTHOR", help="Who. Default: this user."),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            envvar="ROOTSPAN_CHANGE_AT",
            metavar="TIME",
            help="When: RFC 3339, unix nanoseconds, or 2h ago as 2h. Default: now.",
        ),
    ] = None,
    collector: CollectorOption = DEFAULT_COLLECTOR,
) -> None:
    """Record a change of the fleet, so that `why` and incidents can say what was changed before it broke.

    Sent as an OTLP log record (event name rootspan.change) to the collector, so it works wherever telemetry
    is sent from. Without a scope it is of the whole fleet. Returns once the collector has it on disk; the
    exit status is 1 if it does not take it within a few seconds.
    """
    scopes = {
        "service.name": service,
        "service.version": version,
        "host.name": host,
        "cloud.region": region,
        "training.job.id": job,
        **_pairs(scope or []),
    }
    now_ns = time.time_ns()
    attributes = {name: value for name, value in scopes.items() if value}
    attributes |= {
        name: value
        for name, value in (
            ("change.kind", kind),
            ("change.previous", previous),
            ("change.author", author if author is not None else _user()),
            ("change.source", "cli"),
        )
        if value
    }
    if not kind.strip():
        raise WrongUse("the kind of change is empty; give a word such as deploy")
    at_ns = parse_time_ns(at, now_ns=now_ns) if at else now_ns
    with needing("demo", "grpc"):
        from rootspan_demo import DeliveryError, OtlpRequest, SendSettings, send
    request = OtlpRequest("logs", _record(text, attributes, at_ns=at_ns, now_ns=now_ns), 1)
    try:
        report = send([request], SendSettings(endpoint=collector, timeout_s=5.0, give_up_after_s=5.0))
    except DeliveryError as err:
        raise BadAnswer(f"{collector}: {err}") from err
    if report.accepted != 1:
        told = f": {report.failures[0]}" if report.failures else ""
        raise BadAnswer(f"{collector} did not take the change{told}")
    named = " ".join(value for name, value in attributes.items() if not name.startswith("change."))
    print(f"{kind} of {named or 'the fleet'} recorded")


def _pairs(scope: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in scope:
        name, equals, value = one.partition("=")
        if not (name and equals and value) or name.startswith("change."):
            raise WrongUse(f"--scope {one!r} is not NAME=VALUE, such as network.switch=leaf-3")
        found[name] = value
    return found


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return ""


def _record(text: str, attributes: dict[str, str], *, at_ns: int, now_ns: int) -> bytes:
    """An export request with one log record."""
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
    from opentelemetry.proto.logs.v1.logs_pb2 import SEVERITY_NUMBER_INFO

    request = ExportLogsServiceRequest()
    resource = request.resource_logs.add()
    resource.resource.attributes.add(key="service.name").value.string_value = _SERVICE
    record = resource.scope_logs.add().log_records.add()
    record.time_unix_nano, record.observed_time_unix_nano = at_ns, now_ns
    record.severity_number, record.severity_text = SEVERITY_NUMBER_INFO, "INFO"
    record.event_name = "rootspan.change"
    record.body.string_value = text
    for name, value in attributes.items():
        record.attributes.add(key=name).value.string_value = value
    return request.SerializeToString()
