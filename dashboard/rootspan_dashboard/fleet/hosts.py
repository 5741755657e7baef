"""The fleet page's heatmap with its controls, and what a chosen cell leads to."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import streamlit as st

from rootspan_analysis.question import NS_PER_S
from rootspan_analysis.views.fleet import Filters, fetch_gauge_cells, fetch_host_cells
from rootspan_analysis.views.heat_grid import HostGrid, build_grid
from rootspan_analysis.views.timespan import pick_step
from rootspan_dashboard.components.heat_metrics import HEAT_METRICS, HeatMetric
from rootspan_dashboard.components.heatmap import Picked, draw_heatmap
from rootspan_dashboard.frame.header import View
from rootspan_dashboard.frame.links import link_to
from rootspan_dashboard.frame.states import say_empty, told_in_words
from rootspan_dashboard.frame.url_state import choice, parse_moment, read, write, write_moment
from rootspan_dashboard.reading.connection import ask
from rootspan_dashboard.words.formats import format_count, format_range
from rootspan_dashboard.words.markup import facts, section

__all__ = ["draw_hosts", "regroup", "split_regions"]

MOST_BUCKETS = 90
ROWS: Final = {"40": 40, "100": 100, "all": 5_000}
ROW_NAMES: Final = {"40": "Worst 40 hosts", "100": "Worst 100 hosts", "all": "All hosts"}
GROUPS: Final = {
    "zone": ("Region and zone", "region", "zone"),
    "rack": ("Zone and rack", "zone", "rack"),
    "switch": ("Zone and switch", "zone", "switch"),
    "service": ("Region and service", "region", "service"),
}
BEFORE_S: Final = 600
"""A cell is asked about with ten minutes before it, so that the engine sees the onset."""


@st.fragment
def draw_hosts(view: View, filters: Filters, places: pa.Table, gauges: Sequence[str]) -> None:
    """Draw the section: a run of its own, so that another measure does not draw the page anew."""
    with told_in_words():
        _draw_map(view, filters, places, gauges)


def _draw_map(view: View, filters: Filters, places: pa.Table, gauges: Sequence[str]) -> None:
    known = {name: one for name, one in HEAT_METRICS.items() if not one.gauge or one.gauge in gauges}
    st.html(section("Hosts", "each row a host; places and hosts that stand out come first"))
    with st.container(horizontal=True, vertical_alignment="center", key="heat-controls"):
        name = choice(
            "metric",
            list(known),
            "p95",
            st.segmented_control,
            label="Colour by",
            names={one: metric.label for one, metric in known.items()},
            label_visibility="collapsed",
            required=True,
        )
        scale = choice(
            "scale",
            ["value", "peers"],
            # Of several services the slowest one's hosts would be all that is seen.
            "value" if filters.service else "peers",
            st.segmented_control,
            label="Scale",
            names={"value": "Value", "peers": "Against peers"},
            label_visibility="collapsed",
            required=True,
        )
        rows = _select("rows", ROW_NAMES, "40", "Rows", 165)
        group = _select("by", {key: words for key, (words, *_) in GROUPS.items()}, "zone", "Grouped by", 185)
        side = _select("side", {"": "One map", "1": "Regions side by side"}, "", "Layout", 190)
    metric = known[name]
    grid = fetch_grid(view, filters, regroup(places, group), metric, ROWS[rows])
    if not grid.rows:
        say_empty("No host reported this", f"No {metric.words} in this range and these filters.")
        return
    picked = (read("host_service"), read("host"))
    _draw_picked(view, picked)
    maps = split_regions(grid, places) if side else [("", grid)]
    for column, (region, part) in zip(st.columns(len(maps), gap="small"), maps, strict=True):
        with column:
            draw_heatmap(
                part,
                metric,
                against_peers=scale == "peers",
                picked=picked,
                like=grid,
                key=f"heat:{name}:{region}",
                on_pick=_remember,
            )
    shown = sum(1 for row in grid.rows if not row.others)
    if shown < grid.hosts:
        st.html(
            f'<div class="rs-note">{shown} of {format_count(grid.hosts)} hosts have a row of their own; '
            "the others are one row a service and place, their median.</div>"
        )


def _select(name: str, names: dict[str, str], default: str, label: str, width: int) -> str:
    return choice(
        name,
        list(names),
        default,
        st.selectbox,
        label=label,
        names=names,
        label_visibility="collapsed",
        width=width,
    )


def regroup(places: pa.Table, group: str) -> pa.Table:
    """`service, host, region, zone` in which the last two are the places to group by."""
    _, outer, inner = GROUPS[group]
    return pa.table(
        {
            "service": places["service"],
            "host": places["host"],
            "region": places[outer],
            "zone": places[inner],
        }
    )


def split_regions(grid: HostGrid, places: pa.Table) -> list[tuple[str, HostGrid]]:
    """The grid's rows by the region of their hosts, the two regions with most rows; the rest is left out."""
    of = {
        (service, host): region
        for service, host, region in zip(
            *(places[name].to_pylist() for name in ("service", "host", "region")), strict=True
        )
    }
    rows: dict[str, list[int]] = {}
    for number, row in enumerate(grid.rows):
        rows.setdefault(of.get((row.service, row.host), row.region), []).append(number)
    largest = sorted(rows, key=lambda region: (-len(rows[region]), region))[:2]
    return [
        (region, replace(grid, rows=tuple(grid.rows[number] for number in rows[region])))
        for region in sorted(largest)
    ]


def fetch_grid(
    view: View, filters: Filters, places: pa.Table, metric: HeatMetric, most_rows: int
) -> HostGrid:
    """The cells of a measure as a grid."""
    step = pick_step(view.span, most=MOST_BUCKETS)
    if metric.gauge:
        cells = ask(fetch_gauge_cells, view.span, filters, metric=metric.gauge, step_s=step)
    else:
        cells = ask(fetch_host_cells, view.span, filters, quantile=metric.quantile, step_s=step)
        cells = _derive(cells, view, step)
    return build_grid(
        cells,
        places,
        view.span,
        value=metric.column,
        step_s=step,
        compare=metric.compare,
        worst=metric.worst,
        most_rows=most_rows,
    )


def _derive(cells: pa.Table, view: View, step_s: int) -> pa.Table:
    """Adds `error_ratio` and `rate_per_s`; the first and the last bucket are rarely whole."""
    begin = pc.cast(cells["at_s"], pa.float64())
    end = pc.min_element_wise(pc.add(begin, float(step_s)), view.extent.last_ns / 1e9)
    seconds = pc.max_element_wise(
        pc.subtract(end, pc.max_element_wise(begin, view.extent.first_ns / 1e9)), 1.0
    )
    rate = pc.divide(cells["requests"], seconds)
    return cells.append_column("error_ratio", pc.divide(cells["errors"], cells["requests"])).append_column(
        "rate_per_s", rate
    )


def _remember(picked: Picked) -> None:
    """Keep a choice in the URL."""
    moments = [write_moment(s * NS_PER_S) if s is not None else None for s in (picked.from_s, picked.to_s)]
    write(host=picked.host, host_service=picked.service, cell_from=moments[0], cell_to=moments[1])


def _forget() -> None:
    write(host=None, host_service=None, cell_from=None, cell_to=None)


def _draw_picked(view: View, picked: tuple[str, str]) -> None:
    """The chosen host and window, and where to go from there; without one, as much room and how to choose."""
    service, host = picked
    begin, end = parse_moment(read("cell_from")), parse_moment(read("cell_to"))
    if not host and begin is None:
        with st.container(border=True, key="unpicked"):
            st.html(
                '<div class="rs-note">Click a cell to look closer, or drag over cells for a window.</div>'
            )
        return
    if begin is None or end is None or end <= begin:
        begin, end = view.span.from_ns, view.span.to_ns
    pairs = [("Host", host), ("Service", service)] if host else []
    with st.container(horizontal=True, vertical_alignment="center", border=True, key="picked"):
        st.html(facts([*pairs, ("Window", format_range(begin, end))]))
        asked_from = begin - BEFORE_S * NS_PER_S if end - begin < BEFORE_S * NS_PER_S else begin
        window = {"from": write_moment(begin), "to": write_moment(end)}
        link_to(
            "Root cause",
            "Explain",
            icon=":material/troubleshoot:",
            **{"from": write_moment(asked_from), "to": write_moment(end)},
        )
        link_to(
            "Traces",
            "Its traces" if host else "Traces",
            icon=":material/account_tree:",
            **window,
            **({"service": service, "host": host} if host else {}),
        )
        if host:
            link_to("Host", "Its page", icon=":material/dns:", host=host, service="")
        st.button("Clear", key="picked:clear", type="tertiary", on_click=_forget)
