"""How fast the dashboard's pages are in a browser over a fleet's spans: `python -m bench.dashboard`.

Opens every page some times in headless Chromium, each time in a new session, and takes the time from the
request until nothing is left to draw; then the same for clicks. Prints medians and the 95th percentile
beside the targets (1.5 s for a page, 1 s for a click, 2 s for a trace of 100,000 spans), the memory of the
dashboard's process, and the machine. Needs the extra `dev` and a Chromium.
"""

from __future__ import annotations

import argparse
import http.client
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright
from tests.support.processes import Process, free_port

from bench.fleet_store import LARGE_TRACE, fleet_store
from rootspan_dashboard.screenshots import CHROMIUM, FLAGS, open_ready, settle

PAGE_TARGET_S, CLICK_TARGET_S, TRACE_TARGET_S = 1.5, 1.0, 2.0
PAGES = ("incidents", "fleet", "services", "traces", "logs", "metrics", "root-cause", "training", "cost")


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

    def memory_mb(self) -> float:
        """Resident memory of the process that serves, in MB."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def timed(act: Callable[[], object]) -> float:
    """Seconds that it took."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def open_pages(browser: Browser, base: str, paths: dict[str, str], runs: int) -> dict[str, list[float]]:
    """Seconds to open each page, a new session each time; the first run warms up and is not counted."""
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    found: dict[str, list[float]] = {name: [] for name in paths}
    for number in range(runs + 1):
        for name, path in paths.items():
            page = context.new_page()
            took = timed(lambda page=page, path=path: open_ready(page, base + path))  # type: ignore[misc]
            if number:
                found[name].append(took)
            page.close()
    context.close()
    return found


def clicks(page: Page, base: str, runs: int) -> dict[str, list[float]]:
    """Seconds until a click's consequence is drawn."""

    def press(name: str) -> Callable[[], None]:
        def act() -> None:
            page.get_by_role("radio", name=name).or_(page.get_by_role("button", name=name)).first.click()
            page.wait_for_timeout(30)  # the app needs a moment to notice
            settle(page)

        return act

    found: dict[str, list[float]] = {}
    open_ready(page, base + "fleet")
    found["fleet: another measure"] = [timed(press(("Error rate", "Throughput")[k % 2])) for k in range(runs)]
    open_ready(page, base + "traces")
    found["traces: another order"] = [timed(press(("Newest", "Slowest")[k % 2])) for k in range(runs)]
    return found


def show(name: str, took: list[float], target_s: float) -> None:
    """One line of the table."""
    worst = sorted(took)[min(len(took) - 1, round(0.95 * (len(took) - 1)))]
    print(
        f"{name:28} {statistics.median(took):6.2f} s median {worst:6.2f} s p95   "
        f"{worst / target_s:5.2f} of {target_s:g} s"
    )


def main() -> int:
    """Run it; the exit status is 0 whatever the figures are."""
    parser = argparse.ArgumentParser(prog="python -m bench.dashboard", description=__doc__)
    parser.add_argument("--spans", type=int, default=20_000_000)
    parser.add_argument("--hosts", type=int, default=2_000)
    parser.add_argument("--minutes", type=int, default=30)
    parser.add_argument("--trace", type=int, default=100_000, help="spans of the large trace")
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sizes = {"spans": given.spans, "hosts": given.hosts, "minutes": given.minutes}
        with fleet_store(folder, **sizes, large_trace=given.trace) as store:
            dashboard = Dashboard(folder, store.url)
            with dashboard.running(), sync_playwright() as play:
                browser = play.chromium.launch(executable_path=CHROMIUM, headless=True, args=list(FLAGS))
                pages = open_pages(browser, dashboard.url, {one: one for one in PAGES}, given.runs)
                large = {f"trace of {given.trace:,} spans": f"trace?trace={LARGE_TRACE}&rows=all"}
                traces = open_pages(browser, dashboard.url, large, given.runs)
                clicked = clicks(browser.new_page(), dashboard.url, 2 * given.runs)
                memory = dashboard.memory_mb()
                browser.close()
    print(
        f"{given.spans:,} spans of {given.hosts:,} hosts; {platform.machine()}, {os.cpu_count()} CPUs "
        f"for store, dashboard and browser; load {os.getloadavg()[0]:.1f}; dashboard {memory:.0f} MB"
    )
    for table, target in ((pages, PAGE_TARGET_S), (traces, TRACE_TARGET_S), (clicked, CLICK_TARGET_S)):
        for one, took in table.items():
            show(one, took, target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
