"""One step of a job on the screen: what each rank did in time, and whom the others waited for."""

from typing import Final

import numpy as np
import streamlit as st

from rootspan_analysis.training.jobs import Job
from rootspan_analysis.training.step_parts import MAX_TIMELINE_RANKS, fetch_timeline
from rootspan_analysis.training.views import RankHeat, RankLag, StepTimes
from rootspan_analysis.views.trace_filter import Condition
from rootspan_dashboard.components.lanes import draw_lanes
from rootspan_dashboard.frame.links import link_to
from rootspan_dashboard.frame.states import say_empty
from rootspan_dashboard.frame.url_state import read
from rootspan_dashboard.reading.connection import ask
from rootspan_dashboard.words.formats import format_ms
from rootspan_dashboard.words.markup import facts, section

__all__ = ["draw_step"]

MOST_MARKED: Final = 4


def draw_step(job: Job, times: StepTimes, heat: RankHeat, lags: list[RankLag]) -> None:
    """Draw the step that the URL names, or the slowest one after the job's warm-up.

    Args:
        heat: Names the ranks to show where there are more than fit: those that stand out.
    """
    step = _chosen(times)
    ranks = tuple(heat.ranks.tolist()) if len(heat.ranks) <= MAX_TIMELINE_RANKS else _outliers(heat)
    st.html(section("One step in time", "select a cell above for another step; the last to enter is marked"))
    spans = ask(fetch_timeline, job, step, ranks)
    if not spans.num_rows:
        say_empty(
            "No operations reported", f"No rank reported what it did in step {step:,}, only how long it took."
        )
        return
    with st.container(horizontal=True, vertical_alignment="center", key="step"):
        place = int(np.searchsorted(times.step, step))
        took = float(times.slowest_s[place]) if place < len(times.step) else float("nan")
        st.html(
            facts([("Step", f"{step:,}"), ("Slowest rank", format_ms(took * 1e3)),
                   ("Ranks shown", f"{len(ranks):,} of {job.ranks:,}")])
        )  # fmt: skip
        asked = [Condition("training.step", "=", str(step))]
        if read("rank").isdigit():
            asked.append(Condition("training.rank", "=", read("rank")))
        link_to(
            "Traces",
            "Its traces",
            icon=":material/account_tree:",
            where=[one.write() for one in asked],
            service="",
            find="slowest",
        )
    marked = [one.rank for one in lags if one.is_straggler][:MOST_MARKED]
    draw_lanes(spans, step=step, marked=marked, key=f"lanes:{step}")


def _chosen(times: StepTimes) -> int:
    asked = read("step")
    if asked.isdigit():
        return int(asked)
    warm = min(len(times.step) - 1, max(1, len(times.step) // 10))
    return int(times.step[warm + int(np.argmax(times.slowest_s[warm:]))])


def _outliers(heat: RankHeat) -> tuple[int, ...]:
    with np.errstate(invalid="ignore"):
        away = np.nan_to_num(np.nanmean(np.abs(heat.ratio - 1), axis=1))
    return tuple(sorted(heat.ranks[np.argsort(-away)[:MAX_TIMELINE_RANKS]].tolist()))
