"""Makes text that came with the telemetry safe to show: what is shown is what was sent, character by
character.

The rule of this package: such text never goes into Markdown, never unescaped into HTML, never into SQL. It
is shown by `st.text`, `st.code`, tables, `textContent` in components, and by `escape` in the HTML that we
write ourselves.
"""

import html
import unicodedata
from typing import Final

__all__ = ["escape", "visible"]

MOST: Final = 2_000
_KEEP: Final = {"\n", "\t"}


def visible(text: str, *, most: int = MOST) -> str:
    """The text with everything that would hide or reorder text written as `\\u202e` and the like.

    Control and format characters (which turn the direction of writing, or have no width), surrogates, and
    what is longer than `most`, whose rest is told by its length.
    """
    shown = text[:most]
    if not (shown.isascii() and shown.isprintable()):
        shown = "".join(one if _plain(one) else _spelled(one) for one in shown)
    return shown if len(text) <= most else f"{shown} … ({len(text) - most:,} more characters)"


def _plain(one: str) -> bool:
    return one in _KEEP or unicodedata.category(one) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def _spelled(one: str) -> str:
    code = ord(one)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def escape(text: object, *, most: int = MOST) -> str:
    """The text for HTML, in element content and quoted attributes alike."""
    return html.escape(visible(str(text), most=most), quote=True)
