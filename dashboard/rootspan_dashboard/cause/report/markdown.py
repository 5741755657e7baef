"""The answer as Markdown, for a ticket or a post-mortem: sentences, courses as tables, SQL, trace ids.

Text from telemetry goes into code spans or has its Markdown taken away, so that it reads as it was sent.
"""

import re
from collections.abc import Sequence
from typing import Final

from rootspan_analysis.explanation import Explanation
from rootspan_analysis.question import NS_PER_S
from rootspan_analysis.views.evidence import EvidenceCourses
from rootspan_dashboard.cause.examples import Example
from rootspan_dashboard.cause.report.pictures import picture_name
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
from rootspan_dashboard.words.formats import format_time, format_value
from rootspan_dashboard.words.literal import visible

__all__ = ["markdown_report"]

MOST_ROWS: Final = 12
_MARKS = re.compile(r"([\\`*_{}\[\]<>()#+!|~$:&-])")


def markdown_report(
    answer: Explanation,
    causes: Sequence[CauseView],
    *,
    link: str,
    telemetry: str,
    written_ns: int,
    pictures: bool = False,
) -> str:
    """The text; arguments as for `html_report`.

    Args:
        pictures: Courses are pictures beside it (`picture_files`) instead of tables.
    """
    _, title, words = verdict_words(answer)
    lines = [
        f"# {_plain(title)}",
        "",
        _plain(words),
        "",
        *(f"* {name}: **{_plain(value)}**" for name, value in answer_facts(answer)),
        "",
    ]
    for view in causes:
        lines += _cause(view, pictures=pictures)
    told = exonerated_words(answer)
    if told:
        lines += ["## Not at fault", "", *(f"* {_plain(name)}: {_plain(words)}" for name, words in told), ""]
    lines += [_plain(telemetry), "", f"rootspan, {format_time(written_ns, date=True)} UTC"]
    if link.startswith(("http://", "https://")):
        lines.append(f"<{link.replace('>', '%3E')}>")
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    """Text whose Markdown means nothing."""
    return _MARKS.sub(r"\\\1", " ".join(visible(text).split()))


def _code(text: str) -> str:
    return f"`{' '.join(visible(text).split()).replace('`', 'ˋ')}`"


def _cause(view: CauseView, *, pictures: bool) -> list[str]:
    lines = [f"## {view.cause.rank}. {_plain(headline(view.cause))}", ""]
    lines += [" ".join(f"{name}={_code(value)}" for name, value in tags(view.cause)), ""]
    lines += [*(f"* {name}: **{_plain(value)}**" for name, value in impact_facts(view.cause)), ""]
    words = what_if_words(view.cause)
    lines += [_plain(words), ""] if words else []
    for number, one in enumerate(view.evidence):
        lines += _evidence(view, one, picture_name(view, number) if pictures else "")
    lines += _examples("Traces that it hurt", view.hurt)
    lines += _examples(view.normal_words, view.normal)
    return lines


def _evidence(view: CauseView, one: EvidenceView, picture: str) -> list[str]:
    lines = [f"### {one.evidence.signal}: {_plain(one.evidence.text)}", ""]
    if one.courses is not None:
        shown = [f"![{_plain(one.courses.measure)}]({picture})", ""]
        lines += shown if picture else _table(one.courses, view)
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", one.evidence.sql)), default=0))
    return [*lines, f"{fence}sql", visible(one.evidence.sql, most=20_000), fence, ""]


def _table(courses: EvidenceCourses, view: CauseView) -> list[str]:
    """Suspect and peers side by side; of a long course every n-th row."""
    peers = dict(zip(courses.peers.seconds, courses.peers.values, strict=True)) if courses.peers else {}
    pairs = list(zip(courses.suspect.seconds, courses.suspect.values, strict=True))
    every = max(1, -(-len(pairs) // MOST_ROWS))
    onset = view.cause.onset_unix_ns
    rows = [
        f"| {format_time(at * NS_PER_S)}{' *' if onset is not None and at * NS_PER_S >= onset else ''} "
        f"| {format_value(value, courses.unit)} | {format_value(peers.get(at), courses.unit)} |"
        for at, value in pairs[::every]
    ]
    suspect = _plain(courses.suspect_name or "suspect")
    head = (
        f"| UTC (* after the onset) | {_plain(courses.measure)}, {suspect} | {_plain(courses.peers_name)} |"
    )
    return [head, "|---|---|---|", *rows, ""]


def _examples(title: str, examples: Sequence[Example]) -> list[str]:
    rows = [
        f"* {one.took} {_code(one.operation)} on {_code(one.host or one.service)}, "
        f"trace {_code(one.trace_id)}"
        for one in examples
    ]
    return [f"{_plain(title)}:", "", *rows, ""] if rows else []
