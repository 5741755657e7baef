"""`rootspan import`: files that PyTorch left behind, sent to a collector."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rootspan_cli.errors import WrongUse
from rootspan_cli.extras import needing
from rootspan_cli.help import DEFAULT_COLLECTOR, TokenOption, examples
from rootspan_cli.times import rfc3339

if TYPE_CHECKING:
    from rootspan.training.importers import Recording

__all__ = ["EPILOG", "Format", "import_"]

EPILOG = examples(
    ("rootspan import kineto trace/*.pt.trace.json.gz --job llm-7b", "the profiler's traces, one a rank"),
    ("rootspan import flight-recorder /tmp/nccl_trace_rank_ --job llm-7b", "dumps of a job that hung"),
)


class Format(StrEnum):
    """What wrote the files."""

    KINETO = "kineto"
    FLIGHT_RECORDER = "flight-recorder"


def import_(
    form: Annotated[
        Format,
        typer.Argument(metavar="FORMAT", envvar="ROOTSPAN_IMPORT_FORMAT", help="kineto or flight-recorder."),
    ],
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH...",
            envvar="ROOTSPAN_IMPORT_PATHS",
            help="Kineto: traces, plain or gzipped. Flight Recorder: a folder, or how the paths of its files "
            "begin; their names end with the rank.",
        ),
    ],
    *,
    job: Annotated[
        str,
        typer.Option("--job", envvar="ROOTSPAN_JOB_ID", help="The job they belong to, as its ranks call it."),
    ],
    attempt: Annotated[
        int, typer.Option("--attempt", envvar="ROOTSPAN_RUN_ATTEMPT", min=0, help="Its attempt.")
    ] = 0,
    rank: Annotated[
        int | None,
        typer.Option(
            "--rank",
            envvar="ROOTSPAN_IMPORT_RANK",
            min=0,
            help="Rank of the one trace, where it does not tell it.",
        ),
    ] = None,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            envvar="ROOTSPAN_COLLECTOR",
            metavar="HOST:PORT",
            help="The collector's OTLP/gRPC address; https://HOST:PORT for TLS.",
        ),
    ] = DEFAULT_COLLECTOR,
    token: TokenOption = None,
) -> None:
    """Send a profiler's traces or Flight Recorder's dumps of a training job to a collector.

    Traces become steps, phases and collectives under the ids that the job's live steps have; dumps become the
    collectives that each rank knew of, and what was pending. All files are read before the first is sent, and
    nothing that a file holds is run. Importing twice stores it twice, under the same ids.
    """
    with needing("cli", "grpc", "opentelemetry.proto"):
        import grpc

        from rootspan.training.importers import send
    read = _traces if form is Format.KINETO else _dumps
    found = read(paths, job, attempt, rank)
    try:
        count = sum(send(recording, to, token=token) for recording in found)
    except grpc.RpcError as err:
        code = err.code() if isinstance(err, grpc.Call) else None
        said = err.details() if isinstance(err, grpc.Call) else str(err)
        name = code.name if code is not None else "no answer"
        raise WrongUse(f"the collector at {to} did not take it: {name}: {said}") from err
    times = [at for one in found for span in one.spans for at in (span.start_ns, span.end_ns) if at]
    times += [event.time_ns for one in found for event in one.events]
    print(f"{count:,} spans and log records sent to {to}")
    if times:
        begin, end = rfc3339(min(times)), rfc3339(max(times) + 1_000_000)
        print(f"ask: rootspan why --job {job} --from {begin} --to {end}")


def _traces(paths: list[Path], job: str, attempt: int, rank: int | None) -> list["Recording"]:
    from rootspan.training.importers import read_kineto

    if rank is not None and len(paths) > 1:
        raise WrongUse(f"--rank {rank} is for one trace, not {len(paths)}; import them one by one")
    found: list[Recording] = []
    by_rank: dict[object, Path] = {}
    for path in paths:
        one = read_kineto(path, job=job, attempt=attempt, rank=rank)
        if not one.spans:
            print(f"{path}: no steps; profile with schedule= and profiler.step()", flush=True)
            continue
        own = one.spans[0].resource["training.rank"]
        if own in by_rank:
            raise WrongUse(f"{by_rank[own]} and {path} are both of rank {own}; import them with --rank")
        by_rank[own] = path
        steps = sum(span.name == "train.step" for span in one.spans)
        print(f"{path}: rank {own}, {steps:,} steps, {len(one.spans):,} spans", flush=True)
        found.append(one)
    return found


def _dumps(paths: list[Path], job: str, attempt: int, rank: int | None) -> list["Recording"]:
    from rootspan.training.importers import read_flight_recorder

    if len(paths) > 1:
        raise WrongUse(
            f"{len(paths)} paths; give one: the folder, or how the paths begin, such as {paths[0].parent}/"
        )
    where: Path | dict[int, Path] = paths[0] if rank is None else {rank: paths[0]}
    one = read_flight_recorder(where, job=job, attempt=attempt)
    ranks = {event.resource["training.rank"] for event in one.events}
    pending = sum(event.name == "collective.pending" for event in one.events)
    print(
        f"{paths[0]}: {len(ranks):,} ranks, {len(one.spans):,} collectives, {pending:,} not complete",
        flush=True,
    )
    return [one]
