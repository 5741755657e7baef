"""Understands one statement well enough to route, guard and stream it.

Works on the canonical form that ClickHouse itself prints (`formatQuerySingleLine`): one statement, no
comments, key words in capitals, identifiers without escapes. What the engine would read and what is judged
here are therefore the same thing; nothing here has to parse what a person wrote.
"""

from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from rootspan_store.sqltext import Token, TokenKind, tokenize, unquote

__all__ = ["Route", "Statement", "parse_canonical", "split_insert_data"]

_READS = frozenset({"SELECT", "SHOW", "DESCRIBE", "EXPLAIN", "EXISTS", "CHECK"})
_SETTINGS_END = frozenset(
    {"FORMAT", "INTO", "UNION", "INTERSECT", "EXCEPT", "SETTINGS", "PARALLEL", "AS", "COMMENT"}
)


class Route(StrEnum):
    """Who runs a statement."""

    READ = "read"
    INSERT = "insert"
    WRITE = "write"
    SESSION = "session"


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement in canonical form.

    Attributes:
        canonical: The text, as ClickHouse prints it.
        tokens: Its tokens.
        route: Who runs it. INSERT only when its rows come with the request; `INSERT … SELECT` is a WRITE.
        format: Name in its last FORMAT clause, None without one.
        settings: Names in its SETTINGS clauses, in order.
    """

    canonical: str
    tokens: tuple[Token, ...]
    route: Route
    format: str | None
    settings: tuple[str, ...]

    @property
    def insert_target(self) -> str:
        """An INSERT without its FORMAT clause, as chDB's `send_insert` wants it."""
        for token, following in pairwise(self.tokens):
            if token.text == "FORMAT" and following.text == self.format:
                return self.canonical[: token.start].rstrip()
        return self.canonical

    @property
    def is_select(self) -> bool:
        """Whether chDB can stream it; it streams nothing but SELECT."""
        return self.route is Route.READ and self.tokens[0].text in ("SELECT", "WITH", "(")

    def starts_with(self, *words: str) -> bool:
        """Whether the statement begins with these key words."""
        return tuple(t.text for t in self.tokens[: len(words)]) == words


def parse_canonical(canonical: str) -> Statement:
    """Read a canonical statement.

    Raises:
        SqlTextError: The text has an unclosed quote (ClickHouse does not print such a text).
    """
    tokens = tuple(tokenize(canonical))
    return Statement(
        canonical=canonical,
        tokens=tokens,
        route=_route(tokens),
        format=_last_format(tokens),
        settings=_setting_names(tokens),
    )


def _depths(tokens: tuple[Token, ...]) -> list[int]:
    depths, depth = [], 0
    for token in tokens:
        if token.kind is TokenKind.OTHER and token.text in ")]}":
            depth -= 1
        depths.append(depth)
        if token.kind is TokenKind.OTHER and token.text in "([{":
            depth += 1
    return depths


def _route(tokens: tuple[Token, ...]) -> Route:
    words = [
        t.text
        for t, depth in zip(tokens, _depths(tokens), strict=True)
        if depth == 0 and t.kind is TokenKind.WORD
    ]
    if not words:
        # Only parentheses on the outside: `(SELECT 1) UNION ALL (SELECT 2)`.
        return Route.READ
    first = words[0]
    if "PARALLEL" in words:
        return Route.WRITE
    if first == "WITH":
        first = "INSERT" if "INSERT" in words and "SELECT" not in words[: words.index("INSERT")] else "SELECT"
    if first == "INSERT":
        carries_rows = not {"SELECT", "WITH", "INFILE", "WATCH"} & set(words)
        return Route.INSERT if carries_rows else Route.WRITE
    if first in ("USE", "SET") and words[1:2] not in (["ROLE"], ["DEFAULT"], ["TRANSACTION"]):
        return Route.SESSION
    reads = first in _READS or tokens[0].text == "("
    return Route.READ if reads else Route.WRITE


def _last_format(tokens: tuple[Token, ...]) -> str | None:
    found = None
    depths = _depths(tokens)
    for index, (token, following) in enumerate(pairwise(tokens)):
        if token.text == "FORMAT" and depths[index] == 0 and following.kind is TokenKind.WORD and index > 0:
            found = following.text
    return found


def _setting_names(tokens: tuple[Token, ...]) -> tuple[str, ...]:
    names: list[str] = []
    for index, token in enumerate(tokens):
        if token.kind is TokenKind.WORD and token.text == "SETTINGS":
            names.extend(_names_after(tokens, index + 1))
    if tokens and tokens[0].text == "SET":
        names.extend(_names_after(tokens, 1))
    return tuple(names)


def _names_after(tokens: tuple[Token, ...], index: int) -> list[str]:
    """Names in `a = 1, b = {'x': 1}`; stops where the list does."""
    names: list[str] = []
    while index + 1 < len(tokens) and tokens[index + 1].text == "=":
        names.append(unquote(tokens[index]))
        index += 2
        depth = 0
        while index < len(tokens):
            text = tokens[index].text
            if depth == 0 and (text == "," or text in _SETTINGS_END or text in (")", "}", "]")):
                break
            depth += (text in ("(", "[", "{")) - (text in (")", "]", "}"))
            index += 1
        if index >= len(tokens) or tokens[index].text != ",":
            break
        index += 1
    return names


def split_insert_data(text: str) -> int | None:
    """Find where the rows of an INSERT begin in what a client sent; None if it is not an INSERT with rows.

    `text` is the raw request, or its beginning. Follows ClickHouse: rows start after VALUES, or after `FORMAT
    name`, the spaces behind it and one line break.

    Raises:
        SqlTextError: A quote is not closed before the rows begin.
    """
    depth = 0
    seen: list[Token] = []
    for token in tokenize(text):
        if not seen and token.text.upper() not in ("INSERT", "WITH"):
            return None
        upper = token.text.upper() if token.kind is TokenKind.WORD and depth == 0 else ""
        if token.kind is TokenKind.OTHER and token.text in "([{":
            depth += 1
        elif token.kind is TokenKind.OTHER and token.text in ")]}":
            depth -= 1
        if upper in ("SELECT", "INFILE", "WATCH") and seen:
            return None
        if upper == "VALUES" and len(seen) >= 2:
            return token.end
        is_format = len(seen) >= 3 and seen[-1].text.upper() == "FORMAT" and token.kind is TokenKind.WORD
        if is_format and seen[-2].text.upper() not in ("INTO", "."):
            return _after_format(text, token.end)
        seen.append(token)
    return None


def _after_format(text: str, end: int) -> int:
    while end < len(text) and text[end] in " \t\r\f\v":
        end += 1
    if end < len(text) and text[end] == ";":
        end += 1
    return end + 1 if end < len(text) and text[end] == "\n" else end
