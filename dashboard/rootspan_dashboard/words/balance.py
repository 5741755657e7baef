"""Whether the telemetry adds up, in words. Pure."""

from rootspan_analysis.telemetry import Balance
from rootspan_dashboard.words.formats import format_count, format_number

__all__ = ["balance_facts", "balance_sentence"]


def balance_sentence(book: Balance) -> tuple[str, str]:
    """Whether what was accepted is accounted for: `good`, `note` or `bad`, and a sentence."""
    total = book.total
    if not book.collectors:
        return "note", "No collector has reported its counters."
    lost = total.quarantined + total.refused + book.dropped_by_senders
    if total.missing > 0:
        return "bad", f"{format_count(total.missing)} accepted items are not accounted for (yet)."
    parts = [
        f"{format_count(count)} {word}"
        for count, word in (
            (total.pending, "pending"),
            (total.quarantined, "quarantined"),
            (total.refused, "refused"),
            (book.dropped_by_senders, "dropped by senders"),
        )
        if count
    ]
    if not parts:
        return "good", "All accepted items are stored."
    return ("bad" if lost else "note"), f"All accepted items are accounted for; {', '.join(parts)}."


def balance_facts(book: Balance) -> list[tuple[str, str]]:
    """The telemetry's account in words, by signal."""
    names = {"traces": "Spans", "logs": "Logs", "metrics": "Metric points"}
    pairs = []
    for signal, one in book.by_signal.items():
        if book.collectors:
            words = (
                f"{format_number(one.accepted)} accepted = {format_number(one.stored)} stored"
                f" + {format_number(one.pending)} pending + {format_number(one.quarantined)} quarantined"
            )
        else:
            words = f"{format_number(one.stored)} stored"
        pairs.append((names[signal], words))
    total = book.total
    if book.collectors:
        pairs.append(("Refused", format_count(total.refused)))
        pairs.append(("Dropped by senders", format_count(book.dropped_by_senders)))
    pairs.append(("Balance", balance_sentence(book)[1]))
    return pairs
