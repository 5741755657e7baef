"""Cost: what the GPUs cost, how much of it is idle, and what a request or a token costs."""

from collections.abc import Sequence
from typing import Final

import pyarrow as pa
import streamlit as st

from rootspan_analysis.cost import CostQuestion, price_jobs
from rootspan_analysis.training.jobs import Job
from rootspan_analysis.training.step_parts import fetch_lost, fetch_shares
from rootspan_analysis.training.views import fetch_jobs
from rootspan_analysis.views.cost import fetch_gpu_time, fetch_model_usage, fetch_served
from rootspan_analysis.views.fleet import fetch_places
from rootspan_analysis.views.timespan import TimeSpan
from rootspan_dashboard.components.tiles import draw_tiles
from rootspan_dashboard.cost.jobs import jobs_cost_frame
from rootspan_dashboard.cost.words import cost_tiles, models_frame, services_cost_frame
from rootspan_dashboard.frame.header import Opening, View, open_page
from rootspan_dashboard.frame.place_choice import choose_region
from rootspan_dashboard.frame.states import code_words, say_empty, told_in_words
from rootspan_dashboard.frame.url_state import read, write
from rootspan_dashboard.reading.ahead import ahead, ask_ahead
from rootspan_dashboard.reading.connection import ask, settings
from rootspan_dashboard.tables.columns import job_cost_columns, model_cost_columns, service_cost_columns
from rootspan_dashboard.tables.draw import draw_table
from rootspan_dashboard.words.markup import section

__all__ = ["OPENING", "draw"]

HIGHEST_PRICE = 10_000.0


def _ask_first(span: TimeSpan) -> None:
    region = read("region")
    ask_ahead(
        ahead(fetch_gpu_time, span, region=region),
        *([] if region else [ahead(fetch_jobs, span.window)]),
        ahead(fetch_places, span),
        ahead(fetch_served, span, region=region),
        ahead(fetch_model_usage, span, region=region),
    )


OPENING: Final = Opening("1h", _ask_first)


def draw() -> None:
    """Draw the page."""
    view = open_page("Cost", OPENING)
    if view is None:
        return
    places = ask(fetch_places, view.span)
    with st.container(horizontal=True, vertical_alignment="bottom", key="cost-query"):
        region = choose_region(places, width=190)
        price = _draw_price()
    gpu_time = ask(fetch_gpu_time, view.span, region=region)
    jobs = () if region else tuple(ask(fetch_jobs, view.span.window))
    if not gpu_time.num_rows and not jobs:
        say_empty(
            "No GPU reported its utilisation here",
            "Cost is counted in minutes of hw.gpu.utilization, of which this range has none.",
            ["Choose another range or region.", "Send GPU gauges: docs/sdk.md names them."],
        )
        return
    if gpu_time.num_rows:
        _draw_serving(view, gpu_time, region, price)
    if jobs:
        with told_in_words():
            _draw_jobs(view, jobs, price)


def _draw_serving(view: View, gpu_time: pa.Table, region: str, price: float) -> None:
    currency = settings().currency
    draw_tiles(cost_tiles(gpu_time, price, currency, view.covered_s()), key="cost")
    st.html(
        section("Services", "a GPU counts in each minute in which it reported its utilisation, used or not")
    )
    frame = services_cost_frame(gpu_time, ask(fetch_served, view.span, region=region), price)
    draw_table(frame, service_cost_columns(currency), key="service-cost")
    with told_in_words():
        models = models_frame(gpu_time, ask(fetch_model_usage, view.span, region=region), price)
        note = "a service's GPU time, shared among its models by the time that their requests took there"
        st.html(section("Models", note if len(models) else "no span names `gen_ai.request.model`"))
        if len(models):
            draw_table(models, model_cost_columns(currency), key="model-cost")


def _draw_jobs(view: View, jobs: Sequence[Job], price: float) -> None:
    note = "a rank is a GPU from the job's first span to its last; what does not pay first"
    st.html(section("Training jobs: is their distribution worth it?", note))
    priced = ask(price_jobs, tuple(jobs), CostQuestion(view.span.from_ns, view.span.to_ns, price))
    by_name = {job.name: job for job in jobs}
    found = [(one, ask(fetch_shares, by_name[one.job]), ask(fetch_lost, by_name[one.job])) for one in priced]
    draw_table(jobs_cost_frame(found), job_cost_columns(settings().currency), key="job-cost")
    told = "".join(f"<li>{code_words(one.text)}</li>" for one in priced)
    st.html(f'<ul class="rs-told">{told}</ul>')


def _draw_price() -> float:
    """The price of a GPU-hour: the setting, unless the URL names another."""
    usual = settings().gpu_hour_price
    try:
        price = float(read("price", str(usual)))
    except ValueError:
        price = usual
    if not 0 <= price <= HIGHEST_PRICE:
        price = usual
    key = "url:price"
    st.session_state[key] = price

    def changed() -> None:
        value = st.session_state.get(key)
        write(price=None if value in (None, usual) else f"{value:g}")

    st.number_input(
        f"Price of a GPU-hour ({settings().currency})", 0.0, HIGHEST_PRICE, key=key, step=0.1, format="%.2f",
        on_change=changed, width=210,
    )  # fmt: skip
    return price
