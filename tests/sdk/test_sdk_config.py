from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rootspan import ConfigurationError
from rootspan.config.settings import load
from rootspan.config.targets import parse_endpoint


def test_defaults_need_no_environment() -> None:
    config = load(environ={})
    assert config.target.address == "localhost:4317"
    assert config.target.insecure
    assert config.service is None
    assert (config.traces, config.logs, config.metrics) == (True, True, True)
    assert config.exit_timeout_s == 5.0
    assert config.problems == ()


def test_environment_is_read_as_opentelemetry_names_it() -> None:
    config = load(
        environ={
            "OTEL_SERVICE_NAME": "ranker",
            "OTEL_EXPORTER_OTLP_ENDPOINT": "https://collector:4443",
            "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20abc,x-team=ml",
            "OTEL_EXPORTER_OTLP_CERTIFICATE": "ca.pem",
            "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "3",
            "OTEL_BSP_MAX_QUEUE_SIZE": "100",
            "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "10",
            "OTEL_BSP_SCHEDULE_DELAY": "250",
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
            "OTEL_TRACES_SAMPLER_ARG": "0.25",
        }
    )
    target = config.target
    assert config.service == "ranker"
    assert (target.address, target.insecure, target.certificate) == ("collector:4443", False, "ca.pem")
    assert dict(target.headers) == {"authorization": "Bearer abc", "x-team": "ml"}
    assert (target.gzip, target.timeout_s) == (True, 3.0)
    assert (config.spans.max_items, config.spans.max_batch, config.spans.delay_s) == (100, 10, 0.25)
    assert not config.metrics
    assert config.recorded_ratio == 0.25
    assert config.problems == ()


def test_arguments_win_over_environment() -> None:
    config = load(
        "mine",
        "localhost:1",
        headers={"X-Team": "b"},
        sample_ratio=0.5,
        metrics=True,
        environ={
            "OTEL_SERVICE_NAME": "theirs",
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://other:2",
            "OTEL_EXPORTER_OTLP_HEADERS": "x-team=a",
            "OTEL_METRICS_EXPORTER": "none",
        },
    )
    assert (config.service, config.target.address, dict(config.target.headers)) == (
        "mine",
        "localhost:1",
        {"x-team": "b"},
    )
    assert config.metrics
    assert config.recorded_ratio == 0.5


@pytest.mark.parametrize(
    ("given_endpoint", "address", "insecure"),
    [
        ("localhost:4317", "localhost:4317", None),
        ("collector", "collector:4317", None),
        ("http://10.0.0.1:9", "10.0.0.1:9", True),
        ("https://collector/", "collector:4317", False),
        ("[::1]:4317", "[::1]:4317", None),
        ("unix:/run/otel.sock", "unix:/run/otel.sock", True),
    ],
)
def test_endpoints_with_and_without_scheme(given_endpoint: str, address: str, insecure: bool | None) -> None:
    assert parse_endpoint(given_endpoint) == (address, insecure)


@pytest.mark.parametrize(
    "wrong", ["", "  ", "ftp://x:1", "host:99999", "host:port", "http://h:1/v1/traces", "a b:1"]
)
def test_a_wrong_endpoint_says_what_a_right_one_looks_like(wrong: str) -> None:
    with pytest.raises(ConfigurationError, match="host:port"):
        load(endpoint=wrong, environ={})


@given(st.text())
def test_any_text_as_endpoint_parses_or_is_refused(text: str) -> None:
    try:
        address, _ = parse_endpoint(text)
    except ConfigurationError:
        return
    assert address


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ({"service": " "}, "service"),
        ({"sample_ratio": 0.0}, "sample_ratio"),
        ({"sample_ratio": 1.5}, "sample_ratio"),
        ({"exit_timeout_s": 6}, "exit_timeout_s"),
        ({"exit_timeout_s": -1}, "exit_timeout_s"),
        ({"export_timeout_s": 0}, "export_timeout_s"),
        ({"spool_max_bytes": 0}, "spool_max_bytes"),
        ({"resource": {"k": object()}}, "resource"),
        ({"headers": {"k": 1}}, "headers"),
    ],
)
def test_a_wrong_argument_is_named_with_its_value(arguments: dict[str, Any], names: str) -> None:
    with pytest.raises(ConfigurationError, match=names):
        load(**arguments, environ={})


def test_a_wrong_environment_variable_is_told_and_does_not_raise() -> None:
    config = load(
        environ={
            "OTEL_BSP_MAX_QUEUE_SIZE": "many",
            "OTEL_EXPORTER_OTLP_ENDPOINT": "ftp://x",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://elsewhere:1/v1/traces",
            "ROOTSPAN_EXIT_TIMEOUT_S": "60",
        }
    )
    told = "\n".join(config.problems)
    for name in ("OTEL_BSP_MAX_QUEUE_SIZE", "ENDPOINT='ftp", "PROTOCOL", "TRACES_ENDPOINT", "ROOTSPAN_EXIT"):
        assert name in told
    assert config.target.address == "localhost:4317"
    assert config.exit_timeout_s == 5.0


def test_a_signal_can_go_elsewhere_by_its_own_variables() -> None:
    config = load(
        environ={
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://all:1",
            "OTEL_EXPORTER_OTLP_HEADERS": "x-team=all",
            "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://traces:2",
            "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "x-team=traces",
            "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION": "none",
            "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "2",
            "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE": "traces.pem",
            "OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY": "key.pem",
            "OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE": "client.pem",
            "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "logs:3",
            "OTEL_EXPORTER_OTLP_LOGS_INSECURE": "false",
        }
    )
    traces, logs, metrics = config.target, config.logs_target, config.metrics_target
    assert (traces.address, traces.insecure, traces.gzip, traces.timeout_s) == ("traces:2", False, False, 2.0)
    assert (traces.certificate, traces.client_key, traces.client_certificate) == (
        "traces.pem",
        "key.pem",
        "client.pem",
    )
    assert dict(traces.headers) == {"x-team": "traces"}
    assert (logs.address, logs.insecure, logs.gzip) == ("logs:3", False, True)
    assert (metrics.address, metrics.insecure, dict(metrics.headers)) == ("all:1", True, {"x-team": "all"})
    assert config.problems == ()


def test_an_endpoint_given_as_argument_is_everybodys() -> None:
    config = load(endpoint="here:1", environ={"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://logs:3"})
    assert {config.target.address, config.logs_target.address, config.metrics_target.address} == {"here:1"}


def test_a_problem_of_all_signals_is_told_once() -> None:
    config = load(environ={"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json", "ROOTSPAN_SPOOL_MAX_BYTES": "0"})
    assert [problem.partition("=")[0] for problem in config.problems] == [
        "OTEL_EXPORTER_OTLP_PROTOCOL",
        "ROOTSPAN_SPOOL_MAX_BYTES",
    ]


def test_a_header_that_is_no_pair_is_told_without_its_value() -> None:
    config = load(environ={"OTEL_EXPORTER_OTLP_HEADERS": "a=1,=secret,b=2"})
    assert dict(config.target.headers) == {"a": "1", "b": "2"}
    assert "secret" not in "".join(config.problems)
    assert len(config.problems) == 1
