"""How a person reads a page: wait for it, find words on it, compare views."""

from __future__ import annotations

import re
from urllib.parse import urlencode

from playwright.sync_api import Page
from stage import Stage

from rootspan_dashboard.frame.url_state import write_moment
from rootspan_dashboard.screenshots import open_ready, settle

CHART = ".box:has(> .panels)"

__all__ = ["CHART", "address", "milliseconds", "open_view", "settle", "tiles"]


def address(stage: Stage, path: str = "fleet", *, from_ns: int = 0, to_ns: int = 0, **query: str) -> str:
    """URL of a view; by default over the whole minutes of the recording."""
    span = {
        "from": write_moment(from_ns or stage.from_ns),
        "to": write_moment(to_ns or stage.to_ns),
    }
    return f"{stage.dashboard.url}{path}?{urlencode(span | query)}"


def open_view(page: Page, stage: Stage, path: str = "fleet", **query: object) -> None:
    """Open a view and return when it is drawn."""
    open_ready(page, address(stage, path, **query))  # type: ignore[arg-type]


def tiles(page: Page) -> dict[str, str]:
    """Figures of the fleet page by name."""
    page.locator(".tile .value").first.wait_for()
    names = page.locator(".tile .name").all_inner_texts()
    values = page.locator(".tile .value").all_inner_texts()
    return dict(zip(names, values, strict=True))


def milliseconds(text: str) -> float:
    """Value of `34.5 ms`, `1.2 s` or `850 µs`."""
    match = re.fullmatch(r"([\d.]+)\s(µs|ms|s)", text)
    assert match, text
    return float(match[1]) * {"µs": 0.001, "ms": 1.0, "s": 1000.0}[match[2]]
