"""The chart beside a sentence of evidence: the suspect against its peers and against its own past."""

from typing import Final

from rootspan_analysis.views.evidence import EvidenceCourses
from rootspan_analysis.views.timespan import TimeSpan
from rootspan_dashboard.charts.plot import Line, Mark, Plot, PlotPanel

__all__ = ["plot_evidence"]

SUSPECT, PEERS = "#d55e00", "#4a90c4"
NS_PER_S: Final = 1_000_000_000


def plot_evidence(
    courses: EvidenceCourses, *, suspect_name: str, onset_ns: int | None, axis: TimeSpan
) -> Plot:
    """Two lines over `axis`, and the onset: what lies left of it is the suspect's own history."""
    lines = [Line(suspect_name, courses.suspect.seconds, courses.suspect.values, SUSPECT, 2.2, dots=True)]
    shown = [] if courses.peers is None else courses.peers.seconds
    if courses.peers is not None and any(axis.from_ns <= at * NS_PER_S <= axis.to_ns for at in shown):
        lines.append(Line("peers", courses.peers.seconds, courses.peers.values, PEERS, 1.6, dots=True))
    return Plot(
        [PlotPanel(courses.measure, courses.unit, lines)],
        limits=(axis.from_ns // NS_PER_S, -(-axis.to_ns // NS_PER_S)),
        marks=[Mark(onset_ns / NS_PER_S, "onset")] if onset_ns is not None else [],
    )
