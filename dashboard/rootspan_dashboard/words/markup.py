"""The few pieces of HTML that the pages share. Arguments are plain text and get escaped here."""

import re
from collections.abc import Sequence
from typing import Final

from rootspan_dashboard.words.literal import escape

__all__ = ["facts", "key_values", "section"]


_BREAKS: Final = re.compile(r"(?<=[._])(?=\w)")
BREAK: Final = "<wbr>"


def section(title: str, note: str = "") -> str:
    """Heading of a part of a page, with a note beside it."""
    return f'<div class="rs-section"><h2>{escape(title)}</h2><span>{escape(note)}</span></div>'


def facts(pairs: Sequence[tuple[str, str]]) -> str:
    """Names and values in a line that wraps."""
    items = "".join(f"<div><span>{escape(name)}</span><b>{escape(value)}</b></div>" for name, value in pairs)
    return f'<div class="rs-facts">{items}</div>'


def key_values(pairs: Sequence[tuple[str, str]]) -> str:
    """A table of two columns; a long name breaks behind a dot or an underscore."""
    named = [(_BREAKS.sub(BREAK, escape(name)), escape(value)) for name, value in pairs]
    rows = "".join(f"<tr><td>{name}</td><td>{value}</td></tr>" for name, value in named)
    return f'<table class="rs-kv"><tbody>{rows}</tbody></table>'
