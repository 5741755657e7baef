"""Splits SQL text into ClickHouse's tokens and statements. Pure; understands no grammar.

Strings, quoted identifiers, comments and heredocs are one token each, so whoever looks for a word or a
semicolon never finds one inside of them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["SqlTextError", "Token", "TokenKind", "split_statements", "tokenize", "unquote"]


class SqlTextError(ValueError):
    """A quote or a comment is never closed."""


class TokenKind(StrEnum):
    """What a token is."""

    SPACE = "space"
    COMMENT = "comment"
    STRING = "string"
    QUOTED = "quoted"
    HEREDOC = "heredoc"
    WORD = "word"
    NUMBER = "number"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Token:
    """One token: its kind, its text as written, and where it starts."""

    kind: TokenKind
    text: str
    start: int

    @property
    def end(self) -> int:
        """Offset just after the token."""
        return self.start + len(self.text)


_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<comment>--[^\n]*|\#[ !][^\n]*|/\*.*?\*/)
  | (?P<string>'(?:[^'\\]|\\.|'')*')
  | (?P<quoted>`(?:[^`\\]|\\.|``)*`|"(?:[^"\\]|\\.|"")*")
  | (?P<heredoc>(\$\w*\$).*?\6)
  | (?P<word>[A-Za-z_][A-Za-z0-9_$]*)
  | (?P<number>[0-9][A-Za-z0-9_]*)
  | (?P<other>.)
    """,
    re.DOTALL | re.VERBOSE,
)
_ESCAPES = {
    "n": "\n",
    "t": "\t",
    "r": "\r",
    "b": "\b",
    "f": "\f",
    "0": "\0",
    "a": "\a",
    "v": "\v",
    "e": "\x1b",
}
_ESCAPED = re.compile(r"\\x([0-9a-fA-F]{2})|\\(.)", re.DOTALL)


def tokenize(sql: str, *, keep_trivia: bool = False) -> Iterator[Token]:
    """Yield the tokens of `sql` in order, without spaces and comments unless `keep_trivia`.

    Raises:
        SqlTextError: A quote or a block comment is not closed.
    """
    for match in _TOKEN.finditer(sql):
        kind = TokenKind(match.lastgroup or "other")
        text = match.group()
        if kind is TokenKind.OTHER and (text in "'`\"" or sql.startswith("/*", match.start())):
            raise SqlTextError(
                f"{sql[match.start() : match.start() + 2]!r} at offset {match.start()} is never closed"
            )
        if keep_trivia or kind not in (TokenKind.SPACE, TokenKind.COMMENT):
            yield Token(kind, text, match.start())


def split_statements(sql: str) -> list[str]:
    """Split a script at its semicolons; statements come trimmed, empty ones and mere comments are left out.

    Raises:
        SqlTextError: A quote or a block comment is not closed.
    """
    statements: list[str] = []
    start: int | None = None
    end = 0
    for token in tokenize(sql):
        if token.text == ";" and token.kind is TokenKind.OTHER:
            if start is not None:
                statements.append(sql[start:end])
            start = None
            continue
        if start is None:
            start = token.start
        end = token.end
    if start is not None:
        statements.append(sql[start:end])
    return statements


def unquote(token: Token) -> str:
    """Return the name or the text that a word, a quoted identifier or a string stands for."""
    if token.kind not in (TokenKind.QUOTED, TokenKind.STRING):
        return token.text
    quote = token.text[0]
    inner = token.text[1:-1].replace(quote * 2, quote)
    return _ESCAPED.sub(lambda m: chr(int(m[1], 16)) if m[1] else _ESCAPES.get(m[2], m[2]), inner)
