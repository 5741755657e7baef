"""Training: how a job gets on, which rank holds the others up and in which phase, and who hangs."""

from collections.abc import Iterable, Mapping
from typing import Final

import streamlit as st

from rootspan_analysis.question import NS_PER_S
from rootspan_analysis.training.jobs import Job
from rootspan_analysis.training.placement import fetch_places
from rootspan_analysis.training.step_parts import fetch_lost, fetch_shares
from rootspan_analysis.training.views import (
    fetch_hang,
    fetch_heat,
    fetch_jobs,
    fetch_overview,
    fetch_step_times,
    fetch_stragglers,
)
from rootspan_analysis.views.timespan import TimeSpan
from rootspan_analysis.views.training_extras import fetch_arrivals, fetch_loss
from rootspan_dashboard.charts.steps import plot_steps
from rootspan_dashboard.components.plot import draw_plot
from rootspan_dashboard.components.rank_heat import draw_rank_heat
from rootspan_dashboard.components.tiles import draw_tiles
from rootspan_dashboard.frame.header import Opening, open_page
from rootspan_dashboard.frame.links import link_to
from rootspan_dashboard.frame.states import say_empty, told_in_words
from rootspan_dashboard.frame.url_state import choice, read, write, write_moment
from rootspan_dashboard.reading.ahead import ahead, ask_ahead, run_ahead
from rootspan_dashboard.reading.connection import ask
from rootspan_dashboard.tables.columns import (
    arrival_columns,
    lost_columns,
    pending_columns,
    phase_columns,
    straggler_columns,
)
from rootspan_dashboard.tables.draw import draw_table
from rootspan_dashboard.training.shares_html import computing_ratio, shares_html
from rootspan_dashboard.training.step_view import draw_step
from rootspan_dashboard.training.words import (
    arrivals_frame,
    finite,
    hang_words,
    lost_frame,
    pending_frame,
    phases_frame,
    stragglers_frame,
    training_tiles,
)
from rootspan_dashboard.words.formats import format_ratio
from rootspan_dashboard.words.literal import escape
from rootspan_dashboard.words.markup import section

__all__ = ["OPENING", "draw"]


def _ask_first(span: TimeSpan) -> None:
    run_ahead(_ask_of_job, span, read("job"))


def _ask_of_job(span: TimeSpan, name: str) -> None:
    jobs = _by_name(ask(fetch_jobs, span.window))
    if jobs:
        _ask_of(jobs[name if name in jobs else _named(jobs, name)])


def _ask_of(job: Job) -> None:
    """All that the page shows of a job, what it shows first in front."""
    questions = (fetch_step_times, fetch_hang, fetch_overview, fetch_lost, fetch_loss, fetch_shares,
                 fetch_stragglers, fetch_arrivals)  # fmt: skip
    ask_ahead(*(ahead(question, job) for question in questions))


def _named(jobs: Mapping[str, Job], name: str) -> str:
    """The first attempt of the job that a link names alone, or else the first of all."""
    return next((key for key, one in jobs.items() if one.job_id == name), next(iter(jobs)))


def _by_name(jobs: Iterable[Job]) -> dict[str, Job]:
    return {one.name: one for one in jobs}


OPENING: Final = Opening("1h", _ask_first)


def draw() -> None:
    """Draw the page."""
    view = open_page("Training", OPENING)
    if view is None:
        return
    jobs = _by_name(ask(fetch_jobs, view.span.window))
    if not jobs:
        say_empty(
            "No training job here",
            "No span of this range carries training.job.id or a training step.",
            ["Choose a longer range above.", "Trace a trainer: docs/sdk.md has three lines for it."],
        )
        return
    name = choice("job", list(jobs), _named(jobs, read("job")), st.selectbox, label="Job", width=320)
    job = jobs[name]
    _ask_of(job)
    with told_in_words():
        _draw_hang(job)
    with told_in_words():
        _draw_overview(job)
    _draw_heat(job)
    with told_in_words():
        _draw_stragglers(job)
    with told_in_words():
        _draw_collectives(job)


def _draw_hang(job: Job) -> None:
    hang = ask(fetch_hang, job)
    look, title, words = hang_words(hang)
    st.html(f'<div class="rs-verdict {look}"><h2>{escape(title)}</h2><p>{escape(words)}</p></div>')
    # A job that hangs sends nothing more: what waits shows at the end of the range.
    end_ns = job.last_ns + NS_PER_S if hang is None else job.to_ns
    window = {"from": write_moment(job.first_ns), "to": write_moment(end_ns)}
    link_to("Root cause", "Explain this job", icon=":material/troubleshoot:", service="", **window)
    if hang is not None:
        places = ask(fetch_places, job).by_rank
        draw_table(pending_frame(hang, places), pending_columns(), key="pending")


def _draw_overview(job: Job) -> None:
    overview, times, loss = ask(fetch_overview, job), ask(fetch_step_times, job), ask(fetch_loss, job)
    draw_tiles(training_tiles(overview, times, loss, ask(fetch_lost, job)), key="training")
    if len(times.step):
        steps = times.step.tolist()
        left, right = st.columns([0.62, 0.38], gap="medium")
        with left:
            lines = {
                "slowest rank": (steps, finite(times.slowest_s)),
                "median rank": (steps, finite(times.median_s)),
            }
            draw_plot(plot_steps(lines, unit="s", title="Step time"), key="step-times")
        with right:
            if loss.num_rows:
                course = {"loss": (loss["step"].to_pylist(), loss["loss"].to_pylist())}
                draw_plot(plot_steps(course, unit="", title="Loss"), key="loss")
            else:
                st.html(section("Loss", "no rank tells `training.loss`"))
    st.html(
        section("Phases", "per rank and step; phases may overlap, so shares may add up to more than 100 %")
    )
    draw_table(phases_frame(overview), phase_columns(), key="phases")
    shares = ask(fetch_shares, job)
    if shares:
        st.html(section("GPU time", f"of all ranks; {format_ratio(computing_ratio(shares))} of it computes"))
        st.html(shares_html(shares))


@st.fragment
def _draw_heat(job: Job) -> None:
    """A run of its own: another phase or step does not draw the page anew."""
    with told_in_words():
        _draw_ranks(job)


def _draw_ranks(job: Job) -> None:
    overview = ask(fetch_overview, job)
    phases = ["", *(one.phase for one in overview.phases if one.phase)]
    st.html(
        section("Ranks", "each row a rank, each column a step; of more than 256 ranks those that stand out")
    )
    with st.container(horizontal=True, vertical_alignment="center", key="rank-controls"):
        phase = choice(
            "phase", phases, "", st.segmented_control, label="Phase", names={"": "Whole step"},
            label_visibility="collapsed", required=True,
        )  # fmt: skip
        names = {"value": "Value", "peers": "Against its stage"}
        scale = choice(
            "scale", ["peers", "value"], "peers", st.segmented_control, label="Scale",
            names=names, label_visibility="collapsed", required=True,
        )  # fmt: skip
    heat = ask(fetch_heat, job, phase)
    if not len(heat.ranks):
        say_empty("Nothing reported", "No rank reported this phase in this range.")
        return

    draw_rank_heat(
        heat,
        phase=phase,
        against_peers=scale == "peers",
        key=f"ranks:{phase}",
        on_pick=lambda rank, step: write(rank=str(rank), step=str(step)),
    )
    times = ask(fetch_step_times, job)
    if len(times.step):
        with told_in_words():
            draw_step(job, times, heat, ask(fetch_stragglers, job))


def _draw_stragglers(job: Job) -> None:
    found = ask(fetch_stragglers, job)
    note = "computation against data-parallel peers of the same stage; who waits is a victim, and left out"
    st.html(section("Stragglers", note))
    if not found:
        say_empty("None to compare", "Ranks have no data-parallel peers that reported the same steps.")
        return
    draw_table(stragglers_frame(found), straggler_columns(), key="stragglers")
    lost = ask(fetch_lost, job)
    if lost:
        note = "in each step, what its slowest rank computes beyond its peers, times all ranks: they wait"
        st.html(section("GPU time lost, and by whom", note))
        draw_table(lost_frame(lost), lost_columns(), key="lost")


def _draw_collectives(job: Job) -> None:
    table = ask(fetch_arrivals, job)
    st.html(
        section(
            "Collectives", "who enters last, by the hosts' own clocks: the last one makes the others wait"
        )
    )
    if not table.num_rows:
        say_empty(
            "No collectives reported", "No rank reported collectives with sequence numbers in this range."
        )
        return
    draw_table(arrivals_frame(table), arrival_columns(), key="arrivals")
