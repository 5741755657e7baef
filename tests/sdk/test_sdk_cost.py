"""The SDK stays as cheap as it says, beside plain opentelemetry-python in the same minute."""

from __future__ import annotations

from bench.sdk import measure


def test_a_span_costs_at_most_what_the_targets_allow() -> None:
    # CPU time, a process for each side: what else the machine does changes both alike.
    costs = measure(["opentelemetry-python", "rootspan.span", "rootspan below OpenTelemetry's API"], 1, 8_000)
    plain = costs["opentelemetry-python"]
    assert plain.is_complete
    for name in ("rootspan.span", "rootspan below OpenTelemetry's API"):
        assert costs[name].is_complete
        assert costs[name].caller_us <= 0.55 * plain.caller_us
        assert costs[name].process_us <= 0.40 * plain.process_us
