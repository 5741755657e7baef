"""The answer as one HTML file: no script, no request to anywhere, all text from telemetry escaped."""

from collections.abc import Sequence
from importlib.resources import files

from rootspan_analysis.explanation import Explanation
from rootspan_dashboard.cause.examples import Example
from rootspan_dashboard.cause.report.pictures import draw_evidence
from rootspan_dashboard.cause.view import CauseView, EvidenceView
from rootspan_dashboard.cause.words import (
    answer_facts,
    exonerated_words,
    headline,
    impact_facts,
    tags,
    verdict_words,
    what_if_words,
)
from rootspan_dashboard.words.formats import format_time
from rootspan_dashboard.words.literal import escape

__all__ = ["html_report"]


def html_report(
    answer: Explanation, causes: Sequence[CauseView], *, link: str, telemetry: str, written_ns: int
) -> str:
    """The page.

    Args:
        link: Address of the same view in the dashboard; empty if unknown.
        telemetry: The telemetry's balance in a sentence.
    """
    look, title, words = verdict_words(answer)
    style = files("rootspan_dashboard").joinpath("assets", "report.css").read_text(encoding="utf-8")
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title><style>{style}</style></head><body>",
        f'<div class="verdict {look}"><h1>{escape(title)}</h1><p>{escape(words)}</p></div>',
        _facts(answer_facts(answer)),
        *(_cause(view) for view in causes),
        _exonerated(answer),
        f"<footer><p>{escape(telemetry)}</p><p>rootspan, {format_time(written_ns, date=True)} UTC"
        f"{_link(link)}</p></footer></body></html>",
    ]
    return "".join(parts)


def _link(link: str) -> str:
    safe = link.startswith(("http://", "https://"))
    return f' · <a href="{escape(link)}">{escape(link)}</a>' if safe else ""


def _facts(pairs: Sequence[tuple[str, str]]) -> str:
    items = "".join(f"<span>{escape(name)}<b>{escape(value)}</b></span>" for name, value in pairs)
    return f'<p class="facts">{items}</p>'


def _exonerated(answer: Explanation) -> str:
    rows = "".join(
        f"<li><b>{escape(name)}</b> {escape(words)}</li>" for name, words in exonerated_words(answer)
    )
    return f"<h2>Not at fault</h2><ul>{rows}</ul>" if rows else ""


def _cause(view: CauseView) -> str:
    cause = view.cause
    words = what_if_words(cause)
    what_if = f"<p>{escape(words)}</p>" if words else ""
    labels = "".join(f"<span>{escape(name)} <b>{escape(value)}</b></span>" for name, value in tags(cause))
    evidence = "".join(_evidence(view, one) for one in view.evidence)
    return (
        f"<article><h2>{cause.rank}. {escape(headline(cause))}</h2>"
        f'<p class="tags">{labels}</p>{_facts(impact_facts(cause))}{what_if}'
        f'<div class="evidence">{evidence}</div>'
        f"{_examples('Traces that it hurt', view.hurt)}{_examples(view.normal_words, view.normal)}</article>"
    )


def _evidence(view: CauseView, one: EvidenceView) -> str:
    sql = escape(one.evidence.sql, most=20_000)
    return (
        f"<section><p><b>{escape(one.evidence.signal)}</b> {escape(one.evidence.text)}</p>"
        f"{draw_evidence(view, one)}"
        f"<details><summary>SQL</summary><pre>{sql}</pre></details></section>"
    )


def _examples(title: str, examples: Sequence[Example]) -> str:
    if not examples:
        return ""
    rows = "".join(
        f"<tr><td>{escape(one.took)}</td><td>{escape(one.operation)}</td>"
        f"<td>{escape(one.service)}</td><td>{escape(one.host)}</td>"
        f"<td>{format_time(one.start_ns, fraction=3)}</td><td><code>{escape(one.trace_id)}</code></td></tr>"
        for one in examples
    )
    return (
        f"<h3>{escape(title)}</h3><table><tr><th>Duration</th><th>Operation</th><th>Service</th><th>Host</th>"
        f"<th>Started (UTC)</th><th>Trace id</th></tr>{rows}</table>"
    )
