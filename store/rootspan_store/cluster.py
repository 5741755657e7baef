"""Rewrites a schema statement of one server into those of a cluster. Pure; opens no connection.

Every table that stores rows becomes two. `NAME_local` is replicated within its shard and holds the rows;
`NAME` is `Distributed` over all shards, so that who reads or writes `NAME` need not know of a cluster.
Landing tables (engine Null) stay as they are on every node: whichever node an insert reaches explodes it,
and the view's target, the Distributed table, hands each row to the shard of its trace. Views that read a
stored table run where the rows are: they read `X_local` and write `Y_local`. A plain view becomes two as a
table does, so that shards aggregate what it shows. See docs/adr/0020-cluster-schema.md.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from rootspan_store.errors import SchemaError
from rootspan_store.sqltext import Token, TokenKind, tokenize

__all__ = ["LOCAL_SUFFIX", "ClusterSchema", "cluster_of_engine", "require_cluster_name"]

LOCAL_SUFFIX = "_local"

# `{cluster}` is the macro that ClickHouse's operators define on every node.
_CLUSTER_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,62}|\{cluster\}")
_DISTRIBUTED = re.compile(r"Distributed\('(?P<cluster>(?:[^'\\]|\\.)+)'")
_STORED_ENGINE = re.compile(r"(?:Replacing|Summing|Aggregating|)MergeTree")
# A view on one of these columns would spread one series over all shards, and its rollups with it.
_TIME_COLUMNS = frozenset({"Timestamp", "TimeUnix", "Minute", "Time", "Start"})
_CLAUSES = frozenset({"PARTITION", "ORDER", "SETTINGS", "TTL", "PRIMARY", "SAMPLE", "COMMENT"})
# What a Distributed table has too: columns, without their storage.
_COLUMN_COMMANDS = frozenset({"ADD", "DROP", "RENAME", "MODIFY", "COMMENT"})
_WINDOW = re.compile(r"\bnon_replicated_deduplication_window = (\d+)")
# By default an hour: with a store that was away for longer, a repetition would be taken for news.
_WINDOW_S = 7 * 86_400


def require_cluster_name(text: str) -> str:
    """Return `text` if it can name a cluster.

    Raises:
        SchemaError: It cannot.
    """
    if _CLUSTER_NAME.fullmatch(text) is None:
        raise SchemaError(
            f"{text!r} cannot name a cluster: letters, digits, _, - and ., as in remote_servers, "
            "or {cluster}"
        )
    return text


def cluster_of_engine(engine_full: str) -> str | None:
    """Return the cluster that a table of this `system.tables.engine_full` is spread over; None: it is not."""
    found = _DISTRIBUTED.match(engine_full)
    return found["cluster"] if found else None


class ClusterSchema:
    """Renders statements in the order of the migrations; it remembers which tables store rows."""

    def __init__(self, cluster: str, database: str) -> None:
        """Raises SchemaError if `cluster` can name none."""
        self.cluster = require_cluster_name(cluster)
        self.database = database
        # Tables that store rows, and the expression that says which shard a row of theirs is for.
        self._stored: dict[str, str] = {}
        self._landing: set[str] = set()

    @property
    def on_cluster(self) -> str:
        """The clause that makes a DDL statement run on every node."""
        return f"ON CLUSTER '{self.cluster}'"

    def local(self, table: str) -> str:
        """Name of the table that holds a table's rows."""
        return f"{table}{LOCAL_SUFFIX}"

    def render(self, statement: str) -> list[str]:
        """Return the statements that do on the cluster what `statement` does on one server.

        Raises:
            SchemaError: It is none of those that migrations are made of.
        """
        tokens = list(tokenize(statement))
        words = [t.text.upper() for t in tokens[:3]]
        if words[:2] == ["CREATE", "TABLE"]:
            return self._create_table(statement, tokens)
        if words == ["CREATE", "MATERIALIZED", "VIEW"]:
            return [self._create_materialized_view(statement, tokens)]
        if words[:2] == ["CREATE", "VIEW"] or words == ["CREATE", "OR", "REPLACE"]:
            return self._create_view(statement, tokens)
        if words[:2] == ["ALTER", "TABLE"]:
            return self._alter_table(statement, tokens)
        if words[0] == "DROP" and words[1] in ("TABLE", "VIEW"):
            return self._drop(statement, tokens)
        raise SchemaError(
            f"a statement that begins with {statement[:60]!r} has no form for a cluster: {_HELP}"
        )

    def _create_table(self, statement: str, tokens: Sequence[Token]) -> list[str]:
        name = tokens[_name_at(tokens)]
        at = _index(tokens, "ENGINE")
        if at is None:
            raise SchemaError(f"table {name.text} has no ENGINE clause: {_HELP}")
        engine = tokens[at + 2]
        if engine.text == "Null":
            self._landing.add(name.text)
            return [self._after_name(statement, tokens)]
        if _STORED_ENGINE.fullmatch(engine.text) is None:
            raise SchemaError(
                f"table {name.text} has engine {engine.text}, which has no replicated form: {_HELP}"
            )
        twin = _twin(tokens)
        if twin is not None and twin.text not in self._stored:
            raise SchemaError(f"table {name.text} is made AS {twin.text}, which stores no rows: {_HELP}")
        key = self._stored[twin.text] if twin is not None else _sharding_key(statement, tokens)
        self._stored[name.text] = key
        has_arguments = at + 3 < len(tokens) and tokens[at + 3].text == "("
        close = _closing(tokens, at + 3) if has_arguments else None
        arguments = statement[tokens[at + 3].end : tokens[close].start].strip() if close is not None else ""
        engine_end = tokens[close].end if close is not None else engine.end
        path = f"/clickhouse/tables/{{shard}}/{self.database}/{self.local(name.text)}"
        given = [f"'{path}'", "'{replica}'", *([arguments] if arguments else [])]
        replicated = f"Replicated{engine.text}({', '.join(given)})"
        columns = statement[name.end : engine.start]
        if twin is not None:
            columns = columns.replace(f" AS {twin.text}", f" AS {self.database}.{self.local(twin.text)}")
        local = (
            f"{statement[: name.start]}{self.local(name.text)} {self.on_cluster}"
            f"{columns}{replicated}{_replicated_window(statement[engine_end:])}"
        )
        distributed = (
            f"CREATE TABLE IF NOT EXISTS {name.text} {self.on_cluster} "
            f"AS {self.database}.{self.local(name.text)}\n"
            f"ENGINE = Distributed('{self.cluster}', '{self.database}', '{self.local(name.text)}', "
            f"{key})"
        )
        return [local, distributed]

    def _create_view(self, statement: str, tokens: Sequence[Token]) -> list[str]:
        name = tokens[_name_at(tokens)]
        renamed = {token.start for token in _sources(tokens) if token.text in self._stored}
        if not renamed:
            return [self._after_name(statement, tokens)]
        local = _rewritten(statement, tokens, renamed | {name.start}, name.end, f" {self.on_cluster}")
        distributed = (
            f"CREATE TABLE IF NOT EXISTS {name.text} {self.on_cluster} "
            f"AS {self.database}.{self.local(name.text)}\n"
            f"ENGINE = Distributed('{self.cluster}', '{self.database}', '{self.local(name.text)}')"
        )
        return [local, distributed]

    def _create_materialized_view(self, statement: str, tokens: Sequence[Token]) -> str:
        if _index(tokens, "REFRESH") is not None:
            raise SchemaError(f"a refreshable view would run once on every node of a cluster: {_HELP}")
        name_at = _name_at(tokens)
        target_at = name_at + 2
        if tokens[name_at + 1].text.upper() != "TO":
            raise SchemaError(f"view {tokens[name_at].text} has no TO: {_HELP}")
        renamed = {token.start for token in _sources(tokens) if token.text in self._stored}
        if renamed and tokens[target_at].text in self._stored:
            renamed.add(tokens[target_at].start)
        return _rewritten(statement, tokens, renamed, tokens[name_at].end, f" {self.on_cluster}")

    def _alter_table(self, statement: str, tokens: Sequence[Token]) -> list[str]:
        at = _name_at(tokens)
        name = tokens[at]
        if name.text not in self._stored:
            return [self._after_name(statement, tokens)]
        local = f"{statement[: name.start]}{self.local(name.text)} {self.on_cluster}{statement[name.end :]}"
        commands = list(_commands(tokens[at + 1 :]))
        about_columns = [
            words for words in commands if words[0] in _COLUMN_COMMANDS and words[1:2] == ["COLUMN"]
        ]
        if not about_columns:
            return [local]
        if len(about_columns) < len(commands):
            raise SchemaError(
                f"an ALTER of {name.text} mixes columns with other things; make two of it: {_HELP}"
            )
        return [local, self._after_name(statement, tokens)]

    def _drop(self, statement: str, tokens: Sequence[Token]) -> list[str]:
        name = tokens[_name_at(tokens)]
        dropped = [f"{self._after_name(statement, tokens)} SYNC"]
        if name.text in self._stored:
            del self._stored[name.text]
            named = f"{self.local(name.text)} {self.on_cluster}"
            dropped.append(f"{statement[: name.start]}{named}{statement[name.end :]} SYNC")
        return dropped

    def _after_name(self, statement: str, tokens: Sequence[Token]) -> str:
        end = tokens[_name_at(tokens)].end
        return f"{statement[:end]} {self.on_cluster}{statement[end:]}"


_HELP = "see rootspan_store/cluster.py for what it knows"


def _name_at(tokens: Sequence[Token]) -> int:
    """Index of the object's name in `CREATE TABLE IF NOT EXISTS name`, `ALTER TABLE name` and the like."""
    at = 0
    while tokens[at].text.upper() in (
        "CREATE",
        "ALTER",
        "DROP",
        "TABLE",
        "MATERIALIZED",
        "VIEW",
        "IF",
        "NOT",
        "EXISTS",
        "OR",
        "REPLACE",
    ):
        at += 1
    return at


def _index(tokens: Sequence[Token], word: str) -> int | None:
    """Index of a keyword outside of all parentheses; None if it is not there."""
    depth = 0
    for at, token in enumerate(tokens):
        depth += _depth(token)
        if depth == 0 and token.kind is TokenKind.WORD and token.text.upper() == word:
            return at
    return None


def _depth(token: Token) -> int:
    if token.kind is not TokenKind.OTHER:
        return 0
    return {"(": 1, ")": -1}.get(token.text, 0)


def _closing(tokens: Sequence[Token], opening: int) -> int:
    depth = 0
    for at in range(opening, len(tokens)):
        depth += _depth(tokens[at])
        if depth == 0:
            return at
    raise SchemaError(f"a parenthesis is never closed: {_HELP}")


def _sources(tokens: Sequence[Token]) -> Iterator[Token]:
    """The names that follow a FROM or a JOIN, at any depth."""
    for before, token in pairwise(tokens):
        if (
            before.kind is TokenKind.WORD
            and before.text.upper() in ("FROM", "JOIN")
            and token.kind is TokenKind.WORD
        ):
            yield token


def _replicated_window(clauses: str) -> str:
    replicated = (
        rf"replicated_deduplication_window = \1, replicated_deduplication_window_seconds = {_WINDOW_S}"
    )
    return _WINDOW.sub(replicated, clauses)


def _commands(tokens: Sequence[Token]) -> Iterator[list[str]]:
    """The first words of each command of an ALTER."""
    depth, words = 0, list[str]()
    for token in tokens:
        if depth == 0 and token.text == ",":
            yield words
            words = []
        elif len(words) < 2:
            words.append(token.text.upper())
        depth += _depth(token)
    yield words


def _rewritten(
    statement: str, tokens: Sequence[Token], renamed: set[int], insert_at: int, inserted: str
) -> str:
    """The statement with the local suffix behind the tokens that start at `renamed`, and a text put in."""
    ends = {token.end for token in tokens if token.start in renamed}
    places = sorted({*ends, insert_at})
    parts, begin = list[str](), 0
    for place in places:
        parts.append(statement[begin:place])
        parts.append((LOCAL_SUFFIX if place in ends else "") + (inserted if place == insert_at else ""))
        begin = place
    return "".join((*parts, statement[begin:]))


def _twin(tokens: Sequence[Token]) -> Token | None:
    """The table after `CREATE TABLE name AS`, whose columns it takes; None: it names its own."""
    at = _name_at(tokens) + 1
    return tokens[at + 1] if tokens[at].text.upper() == "AS" else None


def _sharding_key(statement: str, tokens: Sequence[Token]) -> str:
    """The expression that says which shard a row is for.

    Rows of one trace go together, so that a trace is read from one shard. Others go by the sorting key
    without time, so that a series and its rollups stay on one shard.
    """
    columns = _columns(tokens)
    if "TraceId" in columns:
        if "SpanId" in columns and "SeverityText" in columns:
            # Most log records belong to no trace.
            return "if(TraceId = '', cityHash64(ServiceName, HostName), cityHash64(TraceId))"
        return "cityHash64(TraceId)"
    at = _index(tokens, "ORDER")
    if at is None:
        raise SchemaError(f"a table without ORDER BY cannot be spread over shards: {_HELP}")
    end = next(
        (
            i
            for i in range(at + 2, len(tokens))
            if tokens[i].text.upper() in _CLAUSES and tokens[i].kind is TokenKind.WORD
        ),
        len(tokens),
    )
    names = [t.text for t in tokens[at + 2 : end] if t.kind is TokenKind.WORD and t.text in columns]
    chosen = [name for name in names if name not in _TIME_COLUMNS] or names
    return f"cityHash64({', '.join(chosen)})"


def _columns(tokens: Sequence[Token]) -> frozenset[str]:
    """Names of a table's columns."""
    opening = next(at for at, token in enumerate(tokens) if token.text == "(")
    names, depth, expected = set[str](), 0, True
    for token in tokens[opening : _closing(tokens, opening) + 1]:
        if depth == 1 and expected and token.kind is TokenKind.WORD:
            names.add(token.text)
            expected = False
        if depth == 1 and token.text == ",":
            expected = True
        depth += _depth(token)
    return frozenset(names - {"INDEX"})
