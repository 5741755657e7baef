"""Python text as SQL literals of ClickHouse. Pure; the one place where text of a rule becomes SQL.

Everything but plain printable ASCII is escaped byte by byte, so no quote, backslash, brace, line break or
invalid UTF-8 of a rule can end its literal, and no client takes a part of it for a parameter.
"""

from collections.abc import Iterable

__all__ = ["sql_text", "sql_texts"]

_PLAIN = frozenset(
    b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 !#$&()*+,-./:;<=>?@[]^_|~"
)


def sql_text(text: str) -> str:
    """Return a literal of type String whose value is the UTF-8 of `text`."""
    return "'" + "".join(chr(b) if b in _PLAIN else f"\\x{b:02X}" for b in text.encode()) + "'"


def sql_texts(texts: Iterable[str]) -> str:
    """Return literals with commas between, for a list in brackets."""
    return ", ".join(sql_text(text) for text in texts)
