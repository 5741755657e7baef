"""The chart beside a sentence of evidence: the suspect against its peers and against its own past."""

from typing import Final

from rootspan_analysis.views.evidence import Course, EvidenceCourses
from rootspan_analysis.views.timespan import TimeSpan
from rootspan_dashboard.charts.plot import Line, Mark, Plot, PlotPanel

__all__ = ["plot_evidence"]

SUSPECT, PEERS, WITHOUT = "#d55e00", "#4a90c4", "#009e73"
MOST_DOTS: Final = 60
NS_PER_S: Final = 1_000_000_000


def plot_evidence(
    courses: EvidenceCourses,
    *,
    suspect_name: str,
    onset_ns: int | None,
    axis: TimeSpan,
    without: Course | None = None,
) -> Plot:
    """Two lines over `axis`, and the onset: what lies left of it is the suspect's own history.

    Args:
        without: What it would be without the cause, where the engine says so.
    """
    dots = len(courses.suspect.seconds) <= MOST_DOTS
    name = courses.suspect_name or suspect_name
    lines = [Line(name, courses.suspect.seconds, courses.suspect.values, SUSPECT, 2.2, dots=dots)]
    shown = [] if courses.peers is None else courses.peers.seconds
    if courses.peers is not None and any(axis.from_ns <= at * NS_PER_S <= axis.to_ns for at in shown):
        beside = courses.peers
        lines.append(Line(courses.peers_name, beside.seconds, beside.values, PEERS, 1.6, dots=dots))
    if without is not None:
        lines.append(Line("without it", without.seconds, without.values, WITHOUT, 2.2))
    return Plot(
        [PlotPanel(courses.measure, courses.unit, lines)],
        limits=(axis.from_ns // NS_PER_S, -(-axis.to_ns // NS_PER_S)),
        marks=[Mark(onset_ns / NS_PER_S, "onset")] if onset_ns is not None else [],
    )
