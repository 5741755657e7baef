"""Which pages there are: their paths, names, icons, and where they stand in the sidebar."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import streamlit as st

from rootspan_dashboard.frame.header import Opening
from rootspan_dashboard.frame.links import PageName
from rootspan_dashboard.screens import (
    cost,
    fleet,
    host,
    incidents,
    logs,
    metrics,
    root_cause,
    services,
    trace,
    traces,
    training,
)

__all__ = ["PAGES", "PageSpec", "build_pages", "by_group"]


@dataclass(frozen=True, slots=True)
class PageSpec:
    """One page.

    Attributes:
        path: Its path below the dashboard's address.
        group: Heading in the sidebar under which it stands; empty: it is reached by links only.
        opening: What is asked first, already when a browser asks for the page.
        home: It is also what the bare address shows.
    """

    name: PageName
    path: str
    icon: str
    group: str
    draw: Callable[[], None]
    opening: Opening
    home: bool = False


PAGES: Final = (
    PageSpec(
        "Incidents",
        "incidents",
        ":material/notifications:",
        "Overview",
        incidents.draw,
        incidents.OPENING,
        home=True,
    ),
    PageSpec("Fleet", "fleet", ":material/grid_view:", "Overview", fleet.draw, fleet.OPENING),
    PageSpec("Host", "host", ":material/dns:", "", host.draw, host.OPENING),
    PageSpec("Services", "services", ":material/hub:", "Overview", services.draw, services.OPENING),
    PageSpec("Traces", "traces", ":material/account_tree:", "Explore", traces.draw, traces.OPENING),
    PageSpec("Trace", "trace", ":material/account_tree:", "", trace.draw, trace.OPENING),
    PageSpec("Logs", "logs", ":material/notes:", "Explore", logs.draw, logs.OPENING),
    PageSpec("Metrics", "metrics", ":material/show_chart:", "Explore", metrics.draw, metrics.OPENING),
    PageSpec(
        "Root cause", "root-cause", ":material/troubleshoot:", "Explain", root_cause.draw, root_cause.OPENING
    ),
    PageSpec("Training", "training", ":material/model_training:", "Explain", training.draw, training.OPENING),
    PageSpec("Cost", "cost", ":material/payments:", "Explain", cost.draw, cost.OPENING),
)


def build_pages() -> tuple[dict[PageName, st.Page], list[st.Page]]:
    """Streamlit's pages by name, and all that it has to know.

    Streamlit serves its default page at `/` only: what stands there goes on to the home page's path.
    """
    named: dict[PageName, st.Page] = {}
    known: list[st.Page] = []
    for one in PAGES:
        page = st.Page(one.draw, title=one.name, url_path=one.path, icon=one.icon)
        named[one.name] = page
        known.append(page)
    home = next(named[one.name] for one in PAGES if one.home)

    def go_home() -> None:
        st.switch_page(home, query_params=st.query_params.to_dict())

    return named, [st.Page(go_home, title="rootspan", url_path="home", default=True), *known]


def by_group(named: Mapping[PageName, st.Page]) -> dict[str, list[st.Page]]:
    """The pages of the sidebar under their headings."""
    groups: dict[str, list[st.Page]] = {}
    for one in PAGES:
        if one.group:
            groups.setdefault(one.group, []).append(named[one.name])
    return groups
