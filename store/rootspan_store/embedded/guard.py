"""Refuses what ClickHouse's own access control lets through. Judges canonical statements; runs nothing.

Raises ClickHouse's own errors, so a client cannot tell the front from the engine.
"""

from collections.abc import Iterable, Mapping
from itertools import pairwise

from rootspan_store.embedded.policy import (
    DATABASE_ENGINES,
    DENIED_FUNCTIONS,
    FROZEN_SETTINGS,
    READ_SETTING_PREFIXES,
    READ_SETTINGS,
)
from rootspan_store.embedded.statement import Route, Statement
from rootspan_store.errors import EngineError
from rootspan_store.sqltext import Token, TokenKind, unquote

__all__ = ["check_settings", "check_statement", "may_hide_file_function"]

_ACCESS_DENIED = 497
_READONLY = 164


def check_statement(statement: Statement, params: Mapping[str, str], known_settings: frozenset[str]) -> None:
    """Let a statement pass, or refuse it.

    Args:
        statement: What the client wants to run.
        params: Its bound parameters, as they came (`param_x=` without the prefix).
        known_settings: All names that the engine knows.

    Raises:
        EngineError: 497 for denied functions and for changing roles, 71 for INTO OUTFILE, 78 for FROM INFILE,
            164 for a setting that a read may not change.
    """
    tokens = statement.tokens
    _check_functions(tokens, params)
    _check_files(tokens)
    _check_kind(statement)
    check_settings(statement.settings, known_settings, reading=statement.route is Route.READ)


def _denied(message: str) -> EngineError:
    return EngineError.of(
        _ACCESS_DENIED, "ACCESS_DENIED", f"{message}, which the embedded store does not allow"
    )


def _check_functions(tokens: tuple[Token, ...], params: Mapping[str, str]) -> None:
    for index, token in enumerate(tokens):
        if token.kind not in (TokenKind.WORD, TokenKind.QUOTED):
            continue
        name = unquote(token)
        following = tokens[index + 1].text if index + 1 < len(tokens) else ""
        called = following == "("
        if called and (
            name.lower() in DENIED_FUNCTIONS or (name.lower().startswith("ai") and _calls_out(name))
        ):
            raise _denied(f"The function {name} is used")
        # Functions are values too: arrayMap(file, …) and `APPLY file` call it without a parenthesis. An alias
        # or a column that is called `file` stays usable as `t.file` and `… AS file`.
        previous = tokens[index - 1].text if index else ""
        if name == "file" and previous not in (".", "AS") and following != ".":
            raise _denied("The name file is used where it can mean the function (qualify a column: t.file)")
    if any(t.text == "Identifier" for t in tokens):
        for value in params.values():
            if "\\" in value or value.strip('`" ') == "file":
                raise _denied(f"The identifier parameter {value!r} can mean the function file")


def _calls_out(name: str) -> bool:
    # aiGenerate, AIEmbed, …: the letter after the prefix is a capital. `aide(x)` of a user is none of them.
    return len(name) > 2 and name[2].isupper()


def _check_files(tokens: tuple[Token, ...]) -> None:
    texts = [t.text for t in tokens]
    for word, following in pairwise(texts):
        if word == "INTO" and following == "OUTFILE":
            raise EngineError.of(71, "INTO_OUTFILE_NOT_ALLOWED", "INTO OUTFILE is not allowed")
        if word == "FROM" and following == "INFILE":
            raise EngineError.of(
                78, "UNKNOWN_TYPE_OF_QUERY", "FROM INFILE is not allowed; send the rows in the body"
            )


def _check_kind(statement: Statement) -> None:
    words = [t.text for t in statement.tokens]
    if statement.starts_with("EXECUTE") or statement.starts_with("SET", "ROLE"):
        raise _denied("The statement changes the user or the role")
    if statement.starts_with("SET", "DEFAULT", "ROLE") or words[:1] in (["BEGIN"], ["COMMIT"], ["ROLLBACK"]):
        raise _denied(f"{words[0]} is used")
    if statement.starts_with("ATTACH") and "FROM" in words:
        raise _denied("ATTACH … FROM a path is used")
    if words[:1] in (["CREATE"], ["ATTACH"]) and "DATABASE" in words[1:2] and "ENGINE" in words:
        engine = words[words.index("ENGINE") + 2 : words.index("ENGINE") + 3]
        if not DATABASE_ENGINES.issuperset(engine):
            raise _denied(f"The database engine {' '.join(engine)} is used")
    if "TEMPORARY" in words[1:4] and words[0] == "CREATE":
        raise EngineError.of(
            48,
            "NOT_IMPLEMENTED",
            "The embedded store has no temporary tables; use a subquery or a Memory table",
        )


def check_settings(names: Iterable[str], known_settings: frozenset[str], *, reading: bool) -> None:
    """Refuse settings that a read may not change.

    Names that the engine does not know pass: its own error says so best. Frozen settings pass too, because
    naming one with its present value changes nothing, and the engine's constraint refuses any other value.

    Raises:
        EngineError: 164.
    """
    for name in names:
        if name == "profile":
            raise EngineError.of(
                _READONLY, "READONLY", "Cannot modify 'profile' setting, which stands for many others"
            )
        if not reading:
            continue
        harmless = name in READ_SETTINGS or name in FROZEN_SETTINGS or name.startswith(READ_SETTING_PREFIXES)
        if name in known_settings and not harmless:
            raise EngineError.of(
                _READONLY,
                "READONLY",
                f"Cannot modify '{name}' setting in a query that reads (see docs/store.md)",
            )


def may_hide_file_function(values: bytes) -> bool:
    """Whether rows in VALUES form could call `file`: they are expressions, and no statement shows them."""
    return b"file" in values or (b"\\" in values and (b"`" in values or b'"' in values))
