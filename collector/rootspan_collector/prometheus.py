"""The collector's own metrics in Prometheus' text format. Reads the running parts; changes nothing."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from rootspan_collector.status import StatusReport

__all__ = ["render_metrics"]

_OUTCOMES = ("accepted", "stored", "quarantined", "refused", "repeated")
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})
_Sample = tuple[Mapping[str, str], float]


def render_metrics(report: StatusReport) -> bytes:
    """Return the metrics page."""
    # The collector's own store has no label; those of regions have their name.
    lanes: list[tuple[dict[str, str], StatusReport]] = [({}, report)]
    lanes += [({"store": name}, one) for name, one in report.regions.items()]
    logs = [
        ({**store, "signal": signal.value}, log, log.ledger.counts())
        for store, lane in lanes
        for signal, log in lane.logs.items()
    ]
    lines: list[str] = []
    lines += _family(
        "rootspan_collector_items_total",
        "counter",
        "Spans, log records and data points since the log folder was made.",
        (
            ({**labels, "outcome": outcome}, getattr(counts, outcome))
            for labels, _, counts in logs
            for outcome in _OUTCOMES
        ),
    )
    lines += _family(
        "rootspan_collector_items_pending",
        "gauge",
        "Items in the log that the store does not have yet.",
        ((labels, counts.pending) for labels, _, counts in logs),
    )
    lines += _refusals(lanes)
    lines += _family(
        "rootspan_collector_oldest_pending_seconds",
        "gauge",
        "Age of the oldest segment that the store does not have yet.",
        ((labels, _age_s(log.oldest_pending_unix_ns)) for labels, log, _ in logs),
    )
    lines += _family(
        "rootspan_collector_log_failing",
        "gauge",
        "1 while the disk refuses the log.",
        ((labels, float(log.error is not None)) for labels, log, _ in logs),
    )
    for name, value, text in (
        ("wal_bytes", report.budget.used_bytes, "Bytes in the write-ahead log."),
        ("wal_limit_bytes", report.budget.limit_bytes, "Most bytes that may be in it."),
        ("uptime_seconds", time.monotonic() - report.started_monotonic_s, "Since the start."),
    ):
        lines += _family(f"rootspan_collector_{name}", "gauge", text, (({}, value),))
    about = {"collector_id": report.collector_id, "version": report.version}
    lines += _family("rootspan_collector_info", "gauge", "Who this is.", ((about, 1),))
    return "".join(lines).encode()


def _refusals(lanes: Iterable[tuple[dict[str, str], StatusReport]]) -> list[str]:
    found = [
        ({**store, "signal": signal.value, "sender": key.sender, "reason": key.reason}, requests, items)
        for store, lane in lanes
        for signal, receiver in lane.receivers.items()
        for key, (requests, items) in receiver.refusals.snapshot().items()
    ]
    return [
        *_family(
            "rootspan_collector_refused_requests_total",
            "counter",
            "Requests turned away since the start, by sender and reason.",
            ((labels, requests) for labels, requests, _ in found),
        ),
        *_family(
            "rootspan_collector_refused_items_total",
            "counter",
            "Items in them, as far as they could be counted.",
            ((labels, items) for labels, _, items in found),
        ),
    ]


def _age_s(begun_unix_ns: int | None) -> float:
    return 0.0 if begun_unix_ns is None else max(0.0, (time.time_ns() - begun_unix_ns) / 1e9)


def _family(name: str, kind: str, text: str, samples: Iterable[_Sample]) -> list[str]:
    lines = [f"# HELP {name} {text}\n", f"# TYPE {name} {kind}\n"]
    for labels, value in samples:
        inner = ",".join(f'{key}="{said.translate(_ESCAPES)}"' for key, said in labels.items())
        lines.append(f"{name}{f'{{{inner}}}' if inner else ''} {value:.15g}\n")
    return lines
