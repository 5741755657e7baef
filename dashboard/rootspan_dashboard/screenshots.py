"""`python -m rootspan_dashboard.screenshots --url URL --out DIR`: pictures of every page, in light and dark.

Needs playwright (extra `dev`) and a Chromium; the dashboard must be running and its store hold data. Pictures
are lossless WebP, so that a repository may hold them. `python -m bench.pictures` brings the data too.
"""

import argparse
import io
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode, urljoin

if TYPE_CHECKING:
    from playwright.sync_api import Page

__all__ = ["SCHEMES", "WIDTH", "main", "open_ready", "settle"]

CHROMIUM: Final = "/usr/bin/chromium"
FLAGS: Final = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--hide-scrollbars")
WIDTH: Final = 1440
TALLEST: Final = 3000
SCHEMES: Final = ("dark", "light")
WAIT_MS: Final = 120_000
SETTLED: Final = """() => {
    const app = document.querySelector('[data-testid="stApp"]');
    return app && app.dataset.testScriptState === 'notRunning'
        && document.querySelector('.rs-title, .rs-state')
        && !document.querySelector('[data-testid="stSkeleton"], [data-stale="true"]');
}"""
SCROLLED: Final = """document.querySelector('[data-testid="stMainBlockContainer"]').scrollHeight"""


def open_ready(page: "Page", url: str) -> None:
    """Open a page of the dashboard and return when it is drawn."""
    page.goto(url)
    settle(page)


def settle(page: "Page") -> None:
    """Return when the app has nothing left to run and its charts are drawn."""
    page.wait_for_selector(".rs-title, .rs-state", timeout=WAIT_MS)
    page.wait_for_function(SETTLED, timeout=WAIT_MS)
    for chart in page.locator(".box:has(> .panels)").all():
        chart.and_(page.locator("[data-drawn]")).wait_for(timeout=WAIT_MS)
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


PLAIN: Final = (
    "incidents",
    "fleet",
    "services",
    "traces",
    "logs",
    "metrics?by=host",
    "training?phase=forward",
    "cost",
)
"""Views that need no more than their address."""


def _shots(page: "Page", base: str) -> Iterator[str]:
    """Open one view after the other; yields each one's name when it is drawn."""
    for path in PLAIN:
        open_ready(page, urljoin(base, path))
        yield path.partition("?")[0]
    open_ready(page, urljoin(base, "fleet?scale=peers&side=1&by=rack"))
    yield "fleet-regions"
    open_ready(page, urljoin(base, "traces?view=flame&service=gateway"))
    yield "flame"
    open_ready(page, urljoin(base, "training"))
    job = page.get_by_role("link", name="Explain this job")
    if job.count():
        open_ready(page, urljoin(base, job.get_attribute("href") or ""))
        yield "root-cause-training"
    open_ready(page, urljoin(base, "root-cause"))
    yield "root-cause"
    links = page.get_by_role("link", name="Open").or_(page.get_by_role("link", name="Compare"))
    found = [one.get_attribute("href") or "" for one in links.all()]
    hosts = page.locator(".rs-card .tags span").filter(has_text="host.name").all_inner_texts()
    trace = next((one for one in found if "trace=" in one and "with=" not in one), None)
    if trace is not None:
        open_ready(page, urljoin(base, trace))
        yield "trace"
    both = next((one for one in found if "with=" in one), None)
    if both is not None:
        open_ready(page, urljoin(base, both))
        yield "compare"
    if hosts:
        name = hosts[0].removeprefix("host.name").strip()
        open_ready(page, urljoin(base, f"host?{urlencode({'host': name})}"))
        yield "host"


def _save(png: bytes, path: Path) -> None:
    """The same picture, pixel by pixel, in less than half of the bytes."""
    from PIL import Image

    with Image.open(io.BytesIO(png)) as picture:
        picture.convert("RGB").save(path, lossless=True, quality=100, method=5)


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the pictures. Returns the exit status: 0 made, 2 wrong use."""
    parser = argparse.ArgumentParser(prog="python -m rootspan_dashboard.screenshots", description=__doc__)
    parser.add_argument("--url", required=True, help="of the running dashboard")
    parser.add_argument("--out", type=Path, required=True, help="folder for the pictures")
    parser.add_argument("--chromium", default=CHROMIUM, help=f"the browser (default: {CHROMIUM})")
    parser.add_argument("--width", type=int, default=WIDTH, help=f"pixels of the window (default: {WIDTH})")
    parser.add_argument(
        "--scheme", action="append", choices=SCHEMES, help="only this one; may be repeated (default: both)"
    )
    given = parser.parse_args(arguments)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        print("playwright is missing; install it with `pip install 'rootspan[dev]'`", file=sys.stderr)
        return 2
    given.out.mkdir(parents=True, exist_ok=True)
    base = given.url.rstrip("/") + "/"
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=given.chromium, headless=True, args=list(FLAGS))
        for scheme in given.scheme or SCHEMES:
            page = browser.new_page(viewport={"width": given.width, "height": 900}, color_scheme=scheme)
            for name in _shots(page, base):
                # The app scrolls inside of the page: only a window as tall as its content shows all of it.
                height = int(page.evaluate(SCROLLED))
                page.set_viewport_size({"width": given.width, "height": max(700, min(height + 10, TALLEST))})
                settle(page)
                page.wait_for_timeout(600)
                path = given.out / f"{name}-{scheme}.webp"
                _save(page.screenshot(), path)
                print(path)
                page.set_viewport_size({"width": given.width, "height": 900})
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
