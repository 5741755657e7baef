"""How fast the dashboard's pages are in a browser over a fleet's spans: `python -m bench.dashboard`.

Opens every page some times in headless Chromium, each time in a new session of the app, and takes the time
from the request to the first meaningful paint (the page's own first figure, chart, table or verdict: see
`PAGES`), and until nothing is left to draw; then the latter for clicks. Before each the app is made to forget
its answers: the store is asked anew, for all but until when it has data. The browser is one that has
been here before; with `--private` it is a private window, which has to compile all scripts again. Prints
medians and the 95th percentile beside the targets (1.5 s for a page, 1 s for a click, 2 s for a trace of
100,000 spans), the memory of the dashboard's process, and the machine. Needs the extra `dev` and a Chromium.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, BrowserType, Page, ViewportSize, sync_playwright
from tests.support.processes import Process

from bench.first_paint import open_timed
from bench.fleet_store import LARGE_TRACE, add_arguments, fleet_store
from rootspan_cli.processes.ports import free_port
from rootspan_dashboard.screenshots import CHROMIUM, FLAGS, WAIT_MS, open_ready, settle

VIEWPORT: ViewportSize = {"width": 1440, "height": 1000}
PAGE_TARGET_S, CLICK_TARGET_S, TRACE_TARGET_S = 1.5, 1.0, 2.0
PAGES = {
    "trace": ".rs-state",
    "incidents": ".rs-verdict",
    "fleet": ".tile .value",
    "services": ".node",
    "traces": ".plot canvas",
    "logs": ".panels .u-over",
    "metrics": ".panels .u-over",
    "training": ".tile .value",
    "cost": ".tile .value",
    "host": ".rs-facts",
    "root-cause": ".plot canvas",
}
"""By path: what has to be drawn for the first meaningful paint.

`trace` without an id has nothing to show: what the app and its frame cost on this machine.
"""
ADDRESSES = {"host": "host?host=ranker-0007"}
ENGINE = "root-cause"
"""Its first paint is the window to ask about; it is drawn when the engine's answer is there."""
LARGE = "large trace"
ROW = ".row .op"


class Dashboard(Process):
    """`python -m rootspan_dashboard`."""

    def __init__(self, folder: Path, store_url: str) -> None:
        self.port = free_port()
        arguments = ["-m", "rootspan_dashboard", "--store", store_url, "--port", str(self.port)]
        super().__init__("dashboard", arguments, folder / "dashboard.log", {})

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/"

    def is_ready(self) -> bool:
        """Whether it answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/_stcore/health")
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def timed(act: Callable[[], object]) -> float:
    """Seconds that it took."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


@dataclass(slots=True)
class Opened:
    """Seconds of each run: to the first meaningful paint, and until nothing was left to draw."""

    first: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)


def open_browser(chromium: BrowserType, profile: Path, *, private: bool) -> BrowserContext:
    """Start it, with a profile that it keeps between two pages or as a private window."""
    options: dict[str, Any] = {"executable_path": CHROMIUM, "headless": True, "args": list(FLAGS)}
    if private:
        return chromium.launch(**options).new_context(viewport=VIEWPORT)
    return chromium.launch_persistent_context(profile, **options, viewport=VIEWPORT)


def open_pages(context: BrowserContext, dashboard: Dashboard, runs: int) -> dict[str, Opened]:
    """Open each page and the large trace, in a new session each time; the first run fills the cache."""
    views = [(name, ADDRESSES.get(name, name), shown) for name, shown in PAGES.items()]
    views.append((LARGE, f"trace?trace={LARGE_TRACE}&rows=all", ROW))
    found: dict[str, Opened] = {}
    for number in range(runs + 1):
        for name, path, shown in views:
            print(f"run {number}: {name}", file=sys.stderr, flush=True)
            page = context.new_page()
            began = time.perf_counter()
            first = open_timed(page, dashboard.url + path, shown, wait_ms=WAIT_MS)
            settle(page)
            whole = time.perf_counter() - began
            if name == ENGINE and not page.locator(".rs-verdict").count():
                said = page.locator(".rs-state").first.inner_text()
                raise RuntimeError(f"the engine gave no answer: {said}")
            if number:
                one = found.setdefault(name, Opened())
                one.first.append(first)
                one.whole.append(whole)
            page.close()
            forget(context.new_page(), dashboard.url)
    return found


def forget(page: Page, base: str) -> None:
    """Have the app forget all answers, as a person does.

    What this view itself shows is then asked again: until when there is data, and the telemetry balance.
    """
    open_ready(page, f"{base}trace")
    page.get_by_role("button", name="Ask the store again").or_(
        page.locator(".st-key-reload button")
    ).first.click()
    page.wait_for_timeout(30)
    settle(page)
    page.close()


def clicks(page: Page, base: str, runs: int) -> dict[str, list[float]]:
    """Seconds until a click's consequence is drawn; no click repeats a question that was just answered."""

    def press(name: str) -> Callable[[], None]:
        def act() -> None:
            page.get_by_role("radio", name=name, exact=True).or_(
                page.get_by_role("button", name=name, exact=True)
            ).first.click()
            page.wait_for_timeout(30)  # the app needs a moment to notice
            settle(page)

        return act

    def walk(path: str, names: Sequence[str]) -> list[float]:
        took: list[float] = []
        while len(took) < runs:
            page.goto("about:blank")
            open_ready(page, base + path)
            took += [timed(press(name)) for name in names]
        return took

    found = {
        "fleet: another measure": walk(
            "fleet", ["Error rate", "Throughput", "GPU utilisation", "Latency p50"]
        ),
        "fleet: against peers": walk("fleet?scale=value", ["Against peers", "Value"]),
        "traces: another order": walk("traces", ["Newest", "Failed", "Random"]),
        "training: another phase": walk("training", ["forward", "backward", "optimizer"]),
    }
    open_ready(page, f"{base}trace?trace={LARGE_TRACE}&rows=all")
    found["large trace: choose a span"] = [
        timed(lambda k=k: choose_row(page, k))
        for k in range(1, runs + 1)  # type: ignore[misc]
    ]
    return found


def choose_row(page: Page, place: int) -> None:
    """Click a row of the waterfall and wait for what the panel says of it."""
    page.locator(ROW).nth(place).click()
    page.wait_for_timeout(30)
    settle(page)


def p95(took: Sequence[float]) -> float:
    """The 95th percentile, the nearest run to it."""
    return sorted(took)[round(0.95 * (len(took) - 1))]


def show(name: str, took: Sequence[float], target_s: float) -> None:
    """One line of the table."""
    worst = p95(took)
    print(
        f"{name:32} {statistics.median(took):6.2f} s median {worst:6.2f} s p95   "
        f"{worst / target_s:5.2f} of {target_s:g} s"
    )


def main() -> int:
    """Run it; the exit status is 0 whatever the figures are."""
    parser = argparse.ArgumentParser(prog="python -m bench.dashboard", description=__doc__)
    add_arguments(parser)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument(
        "--private", action="store_true", help="a private window, which keeps nothing compiled"
    )
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with fleet_store(given) as store, tempfile.TemporaryDirectory() as name:
        dashboard = Dashboard(Path(name), store.url)
        with dashboard.running(), sync_playwright() as play:
            context = open_browser(play.chromium, Path(name) / "profile", private=given.private)
            pages = open_pages(context, dashboard, given.runs)
            clicked = clicks(context.new_page(), dashboard.url, 2 * given.runs)
            memory_mb = dashboard.rss_mb()
            context.close()
    if given.json:
        told = [
            {"name": name, "first_paint_p95_s": p95(one.first), "drawn_p95_s": p95(one.whole)}
            for name, one in pages.items()
        ]
        told += [{"name": name, "interaction_p95_s": p95(took)} for name, took in clicked.items()]
        print(json.dumps({"pages": told, "spans_stored": store.spans, "dashboard_rss_mb": memory_mb}))
        return 0
    print(
        f"{store.spans:,} spans of {store.hosts:,} hosts; {platform.machine()}, {os.cpu_count()} CPUs for "
        f"store, dashboard and browser; load {os.getloadavg()[0]:.1f}; dashboard {memory_mb:.0f} MB"
    )
    for name, one in pages.items():
        target_s = TRACE_TARGET_S if name == LARGE else PAGE_TARGET_S
        show(f"{name}: first paint", one.first, target_s)
        print(f"{'':32} {statistics.median(one.whole):6.2f} s until all is drawn")
    for name, took in clicked.items():
        show(name, took, CLICK_TARGET_S)
    return 0


if __name__ == "__main__":
    sys.exit(main())
