"""The schema: numbered migrations, applied once, in order, and remembered in `rootspan_schema`.

Each migration is a file of idempotent statements without a database name, so a run that was cut off is
repeated from its start. An applied migration never changes: a correction is a new file. Retention is not part
of them; it is compared with the settings at every run (see retention.py).
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from string import Template
from typing import TYPE_CHECKING

from rootspan_store.client import store_errors
from rootspan_store.errors import SchemaChanged, SchemaError, SchemaTooNew
from rootspan_store.macros import macros
from rootspan_store.retention import retention_days, retention_statement, ttl_clause
from rootspan_store.settings import RetentionSettings, require_identifier
from rootspan_store.sqltext import split_statements, tokenize

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

__all__ = ["Migration", "applied_version", "load_migrations", "migrate", "render"]


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file.

    Attributes:
        version: Its number, from 1.
        name: What it is about, from the file's name.
        statements: Its statements in order, macros filled in.
        checksum: SHA-256 over the statements' tokens: comments and layout may change, nothing else.
    """

    version: int
    name: str
    statements: tuple[str, ...]
    checksum: str

    @classmethod
    def parse(cls, file_name: str, text: str, macros: Mapping[str, str]) -> "Migration":
        """Read `NNNN_name.sql`.

        Raises:
            SchemaError: The file's name is of another form, or it uses an unknown macro.
        """
        number, _, name = file_name.removesuffix(".sql").partition("_")
        if not (number.isdigit() and name and file_name.endswith(".sql")):
            raise SchemaError(f"{file_name} is not NNNN_name.sql")
        try:
            statements = tuple(split_statements(Template(text).substitute(macros)))
        except (KeyError, ValueError) as error:
            raise SchemaError(f"{file_name}: {error} is no macro, or a quote or `$` is left open") from error
        digest = hashlib.sha256()
        for statement in statements:
            digest.update("\0".join(token.text for token in tokenize(statement)).encode() + b"\0;")
        return cls(version=int(number), name=name, statements=statements, checksum=digest.hexdigest())


def load_migrations(folder: Traversable | None = None) -> tuple[Migration, ...]:
    """Return the package's migrations by version, or those of another folder.

    Raises:
        SchemaError: A number is there twice, or the first is not 1. A gap is no error: what fills it later
            is applied then.
    """
    source = folder or files("rootspan_store").joinpath("migrations")
    found = [
        Migration.parse(entry.name, entry.read_text(encoding="utf-8"), macros())
        for entry in source.iterdir()
        if entry.name.endswith(".sql")
    ]
    found.sort(key=lambda m: m.version)
    numbers = [m.version for m in found]
    if numbers[:1] != [1] or len(set(numbers)) != len(numbers):
        raise SchemaError(f"migrations are numbered {numbers}; give each a number of its own, from 1")
    return tuple(found)


def render(database: str, *, retention: RetentionSettings | None = None) -> str:
    """Return the whole schema as a script that any ClickHouse client runs, without a record of it."""
    require_identifier(database, "database")
    lines = [f"CREATE DATABASE IF NOT EXISTS {database};", f"USE {database};"]
    for migration in load_migrations():
        lines.append(f"\n-- {migration.version:04d} {migration.name}")
        lines.extend(f"{statement};\n" for statement in migration.statements)
    lines.append("-- retention")
    days = retention_days(retention or RetentionSettings())
    lines.extend(f"{retention_statement(table, keep)};" for table, keep in days.items())
    return "\n".join(lines) + "\n"


def _sql(name: str) -> str:
    return files("rootspan_store").joinpath("sql", f"{name}.sql").read_text(encoding="utf-8").strip()


def applied_version(client: "Client") -> int:
    """Return the newest migration applied in the client's database; 0 if there is none, or no database.

    Raises:
        StoreUnreachable, StoreRejected: The store's answer.
    """
    database = require_identifier(str(client.database), "database")
    with store_errors():
        present = client.query(
            _sql("table_definitions"),
            parameters={"database": database, "tables": ["rootspan_schema"]},
            settings={"database": "system"},
        ).result_rows
        if not present:
            return 0
        return max((int(row[0]) for row in client.query(_sql("schema_applied")).result_rows), default=0)


def migrate(
    client: "Client",
    *,
    retention: RetentionSettings | None = None,
    migrations: Sequence[Migration] | None = None,
) -> list[Migration]:
    """Bring the client's database up to this program: create it, apply what is missing, set the retention.

    Safe to repeat, to interrupt, and to run from several processes at once.

    Args:
        client: From `client.connect`; its `database` is the one that is migrated.
        retention: Days to keep; None reads ROOTSPAN_RETENTION_*.
        migrations: Others than the package's own, for tests.

    Returns:
        What was applied now, in order. Empty if nothing was missing.

    Raises:
        SchemaTooNew: A newer rootspan migrated this database. Nothing was changed.
        SchemaChanged: An applied migration reads differently here. Nothing was changed.
        StoreUnreachable, StoreRejected: The store's answer.
    """
    known = tuple(load_migrations() if migrations is None else migrations)
    database = require_identifier(str(client.database), "database")
    with store_errors():
        client.command(f"CREATE DATABASE IF NOT EXISTS {database}", use_database=False)
        client.command(_sql("schema_table"))
        rows = client.query(_sql("schema_applied")).result_rows
        _check(database, {int(row[0]): str(row[2]) for row in rows}, known)
        missing = [m for m in known if m.version not in {int(row[0]) for row in rows}]
        for migration in missing:
            for statement in migration.statements:
                client.command(statement)
            client.command(
                _sql("schema_record"),
                parameters={
                    "version": migration.version,
                    "name": migration.name,
                    "checksum": migration.checksum,
                },
            )
        _apply_retention(client, database, retention or RetentionSettings())
    return missing


def _check(database: str, applied: Mapping[int, str], known: Sequence[Migration]) -> None:
    newest, ours = max(applied, default=0), max((m.version for m in known), default=0)
    if newest > ours:
        raise SchemaTooNew(
            f"database {database} has schema {newest}, this rootspan knows {ours}: upgrade this program, or "
            f"use "
            "another database in --store",
            found=newest,
            known=ours,
        )
    for migration in known:
        checksum = applied.get(migration.version)
        if checksum is not None and checksum != migration.checksum:
            raise SchemaChanged(
                f"migration {migration.version} ({migration.name}) was applied to database {database} with "
                f"another "
                f"text (checksum {checksum[:12]}, here {migration.checksum[:12]}): install the version that "
                f"applied "
                "it, or use a fresh database",
                version=migration.version,
            )


def _apply_retention(client: "Client", database: str, settings: RetentionSettings) -> None:
    wanted = retention_days(settings)
    rows = client.query(
        _sql("table_definitions"), parameters={"database": database, "tables": list(wanted)}
    ).result_rows
    for table, definition in rows:
        if ttl_clause(wanted[table]) not in definition:
            client.command(retention_statement(table, wanted[table]))
