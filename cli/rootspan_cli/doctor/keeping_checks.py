"""Looks at what is kept beyond raw retention: how far the keeper is, and what share it keeps."""

from typing import TYPE_CHECKING

from rootspan_cli.doctor.report import Check
from rootspan_store.keeping import keeping_state
from rootspan_store.settings import load_retention

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

__all__ = ["check_keeping"]


def check_keeping(client: "Client") -> Check:
    """Whether what matters is decided long before raw retention takes it.

    Behind is no fault while half of raw retention is left: a store that was away catches up.
    """
    settings = load_retention()
    if not settings.keep:
        return Check(
            "kept", True, "nothing is copied (ROOTSPAN_RETENTION_KEEP is off)", facts={"keep": False}
        )
    state = keeping_state(client)
    behind_s = max(0, state.oldest_waiting_s - settings.quiet_s)
    facts = {
        "keep": True,
        "position_unix_s": state.position_s,
        "behind_s": behind_s,
        "spans_7d": state.spans,
        "kept_spans_7d": state.kept_spans,
        "kept_ratio_7d": round(state.kept_ratio, 5),
        "kept_traces_7d": state.kept_traces,
        "kept_by_reason_7d": dict(state.kept_by_reason),
        "took_s_7d": round(state.took_s, 3),
    }
    if not state.windows:
        said = f"nothing decided yet; telemetry is, {_span(settings.quiet_s)} after it arrived"
    else:
        reasons = ", ".join(
            f"{name} {count:,}" for name, count in sorted(state.kept_by_reason.items(), key=lambda r: -r[1])
        )
        said = (
            f"{state.kept_ratio:.1%} of the spans of 7 days, {state.kept_traces:,} traces"
            f"{f' ({reasons})' if reasons else ''}"
        )
    said += f"; {_span(behind_s)} behind" if behind_s else "; up to date"
    if state.oldest_waiting_s <= settings.raw_s // 2:
        return Check("kept", True, said, facts=facts)
    step = (
        f"raw rows go after {settings.raw_days:g} days, undecided ones with them: run a collector, or "
        "`rootspan retain` with this --store"
    )
    return Check("kept", False, said, step, facts)


def _span(seconds: float) -> str:
    for unit, size in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
