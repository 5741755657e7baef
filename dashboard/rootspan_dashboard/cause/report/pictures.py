"""A report's pictures: the chart of each piece of evidence as SVG text, and by the name of its file. Pure."""

from collections.abc import Iterator, Sequence

from rootspan_dashboard.cause.report.svg import draw_svg
from rootspan_dashboard.cause.view import CauseView, EvidenceView
from rootspan_dashboard.cause.words import chart_name

__all__ = ["draw_evidence", "picture_files", "picture_name"]


def draw_evidence(view: CauseView, one: EvidenceView, *, alone: bool = False) -> str:
    """The chart; empty where the evidence is no course over time.

    Args:
        alone: It is a file of its own, so that no page gives it colours.
    """
    if one.courses is None:
        return ""
    return draw_svg(
        one.courses,
        suspect_name=chart_name(view.cause),
        onset_ns=view.cause.onset_unix_ns,
        axis=view.axis,
        without=view.without(one),
        alone=alone,
    )


def picture_name(view: CauseView, number: int) -> str:
    """File of the chart of a cause's evidence, counted from 0."""
    return f"cause-{view.cause.rank}-{number + 1}.svg"


def picture_files(causes: Sequence[CauseView]) -> Iterator[tuple[str, str]]:
    """Name and text of each picture."""
    for view in causes:
        for number, one in enumerate(view.evidence):
            if one.courses is not None:
                yield picture_name(view, number), draw_evidence(view, one, alone=True)
