"""The collector's own metrics in Prometheus' text format, out of its account."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rootspan_collector.account import Account, SignalAccount

__all__ = ["render_metrics"]

_OUTCOMES = ("accepted", "stored", "quarantined", "refused", "repeated")
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})
_Sample = tuple[Mapping[str, str], float]


def render_metrics(accounts: Sequence[Account]) -> bytes:
    """Return the metrics page of one worker or of all; several have a label each."""
    several = len(accounts) > 1
    workers = [({"worker": one.worker} if several else {}, one) for one in accounts]
    # The collector's own store has no label; those of regions have their name.
    signals = [
        ({**worker, **store, "signal": signal}, one)
        for worker, account in workers
        for store, lane in [({}, account), *(({"store": name}, one) for name, one in account.regions.items())]
        for signal, one in lane.signals.items()
    ]
    lines: list[str] = []
    lines += _family(
        "rootspan_collector_items_total",
        "counter",
        "Spans, log records and data points since the log folder was made.",
        (
            ({**labels, "outcome": outcome}, getattr(one, outcome))
            for labels, one in signals
            for outcome in _OUTCOMES
        ),
    )
    lines += _family(
        "rootspan_collector_items_pending",
        "gauge",
        "Items in the log that the store does not have yet.",
        ((labels, one.pending) for labels, one in signals),
    )
    lines += _refusals(signals)
    lines += _family(
        "rootspan_collector_oldest_pending_seconds",
        "gauge",
        "Age of the oldest segment that the store does not have yet.",
        ((labels, one.oldest_pending_age_s) for labels, one in signals),
    )
    lines += _family(
        "rootspan_collector_log_failing",
        "gauge",
        "1 while the disk refuses the log.",
        ((labels, float(bool(one.log_error))) for labels, one in signals),
    )
    for name, attribute, text in (
        ("wal_bytes", "wal_bytes", "Bytes in the write-ahead log."),
        ("wal_limit_bytes", "wal_max_bytes", "Most bytes that may be in it."),
        ("uptime_seconds", "uptime_s", "Since the start."),
    ):
        samples = ((labels, getattr(account, attribute)) for labels, account in workers)
        lines += _family(f"rootspan_collector_{name}", "gauge", text, samples)
    about = (
        ({**labels, "collector_id": one.collector_id, "version": one.version}, 1) for labels, one in workers
    )
    lines += _family("rootspan_collector_info", "gauge", "Who this is.", about)
    return "".join(lines).encode()


def _refusals(signals: Iterable[tuple[dict[str, str], SignalAccount]]) -> list[str]:
    found = [
        ({**labels, "sender": one.sender, "reason": one.reason}, one.requests, one.items)
        for labels, signal in signals
        for one in signal.refused_by
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


def _family(name: str, kind: str, text: str, samples: Iterable[_Sample]) -> list[str]:
    lines = [f"# HELP {name} {text}\n", f"# TYPE {name} {kind}\n"]
    for labels, value in samples:
        inner = ",".join(f'{key}="{said.translate(_ESCAPES)}"' for key, said in labels.items())
        lines.append(f"{name}{f'{{{inner}}}' if inner else ''} {value:.15g}\n")
    return lines
