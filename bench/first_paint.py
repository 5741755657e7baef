"""When a page has drawn what matters, told by the page itself.

Looks once a frame, in the page: whoever asks from outside learns it later, by as much as it waits between two
questions (playwright's locators: half a second).
"""

import json
from typing import Final

from playwright.sync_api import Page

__all__ = ["open_timed"]

_WATCH: Final = """(shown => {
    const find = root => {
        const own = root.querySelector(shown);
        if (own) return own;
        for (const one of root.querySelectorAll('*')) {
            const inner = one.shadowRoot && find(one.shadowRoot);
            if (inner) return inner;
        }
    };
    const look = () => {
        const found = document.body && find(document);
        const visible = found && found.checkVisibility({visibilityProperty: true, opacityProperty: true});
        const box = visible && found.getBoundingClientRect();
        if (box && box.width && box.height) {
            // The next frame begins when this one is on its way to the screen.
            requestAnimationFrame(() => { window.firstPaintMs = performance.now(); });
        } else requestAnimationFrame(look);
    };
    if (window.parent === window) requestAnimationFrame(look);
})"""


def open_timed(page: Page, url: str, shown: str, *, wait_ms: float) -> float:
    """Open a page that was not used before; return when something is drawn.

    Args:
        shown: Selector of what has to be drawn, within one document or shadow root.
        wait_ms: Longest wait.

    Returns:
        Seconds from the start of the navigation until the frame after the one that shows it.

    Raises:
        TimeoutError: Of playwright: it was not drawn in time.
    """
    page.add_init_script(f"{_WATCH}({json.dumps(shown)})")
    page.goto(url, wait_until="commit")
    page.wait_for_function("() => window.firstPaintMs > 0", timeout=wait_ms)
    took_ms: float = page.evaluate("() => window.firstPaintMs")
    return took_ms / 1e3
