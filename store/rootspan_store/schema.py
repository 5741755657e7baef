"""The schema: numbered migrations, applied once, in order, and remembered in `rootspan_schema`.

Each migration is a file of idempotent statements without a database name, so a run that was cut off is
repeated from its start. An applied migration never changes: a correction is a new file. Retention and rules
are not part of them; they are compared with the settings at every run (see retention.py and rules/).
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from string import Template
from typing import TYPE_CHECKING

from rootspan_store.client import store_errors
from rootspan_store.cluster import ClusterSchema, cluster_of_engine
from rootspan_store.errors import SchemaChanged, SchemaError, SchemaTooNew, StoreConfigError
from rootspan_store.macros import macros
from rootspan_store.retention import retention_days, retention_statement, ttl_clause
from rootspan_store.rules.applying import apply_rules, give_names_back, require_rules, rules_in_force
from rootspan_store.rules.model import RuleSet
from rootspan_store.rules.views import LandingView, counter_statements, landing_views, ruled_statement
from rootspan_store.settings import RetentionSettings, load_retention, require_identifier
from rootspan_store.sqltext import split_statements, tokenize
from rootspan_store.whole_views import WHOLE_VIEWS, view_statement, views_to_make

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


def render(
    database: str,
    *,
    cluster: str | None = None,
    retention: RetentionSettings | None = None,
    rules: RuleSet | None = None,
) -> str:
    """Return the whole schema as a script that any ClickHouse client runs, without a record of it.

    Args:
        database: Where it goes.
        cluster: Name of the cluster that it is for, as in `system.clusters`; None: a single server.
        retention: Days to keep; None reads ROOTSPAN_RETENTION_*.
        rules: The landing views are rendered under these. The key of those that hash is not shown.

    Raises:
        SchemaError: The cluster's name cannot be one, or a migration has no form for a cluster.
        StoreConfigError: Rules, and a cluster.
    """
    require_identifier(database, "database")
    forms = _Forms(database, cluster)
    forms.require_room_for(rules)
    shown = (rules or RuleSet()).without_key()
    migrations = load_migrations()
    lines = [f"{forms.create_database};", f"USE {database};"]
    for migration in migrations:
        lines.append(f"\n-- {migration.version:04d} {migration.name}")
        ruled = (ruled_statement(statement, shown) for statement in migration.statements)
        lines.extend(f"{form};\n" for statement in ruled for form in forms.of(statement))
    lines.extend(f"{statement};\n" for statement in counter_statements(_views_of(migrations), shown))
    lines.append("-- retention")
    settings = retention or load_retention()
    days = retention_days(settings)
    lines.extend(f"{forms.of(retention_statement(table, keep))[0]};" for table, keep in days.items())
    lines.append("\n-- what readers read")
    whole = (view_statement(view, settings) for view in WHOLE_VIEWS)
    lines.extend(f"{form};" for statement in whole for form in forms.of(statement))
    return "\n".join(lines) + "\n"


class _Forms:
    """The statements that a migration's statement becomes, on one server or on a cluster."""

    def __init__(self, database: str, cluster: str | None) -> None:
        self._schema = ClusterSchema(cluster, database) if cluster is not None else None
        self.is_for_cluster = cluster is not None
        on_cluster = f" {self._schema.on_cluster}" if self._schema is not None else ""
        self.create_database = f"CREATE DATABASE IF NOT EXISTS {database}{on_cluster}"

    def of(self, statement: str) -> list[str]:
        return [statement] if self._schema is None else self._schema.render(statement)

    def require_room_for(self, rules: RuleSet | None) -> None:
        """Raise StoreConfigError if there are rules, and a cluster, whose views cannot be changed as one."""
        if self._schema is not None and rules is not None and rules.rules:
            raise StoreConfigError(
                f"rules ({rules.rules[0].name}, {len(rules.rules)} in all) for a database that is spread "
                f"over cluster {self._schema.cluster}: they can change the views of a single server only, so "
                "nothing was changed; leave `rules` and --rules away for this store"
            )

    def stored_in(self, table: str) -> str:
        """Name of the table whose definition has the retention of `table`."""
        return table if self._schema is None else self._schema.local(table)


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
    cluster: str | None = None,
    retention: RetentionSettings | None = None,
    rules: RuleSet | None = None,
    migrations: Sequence[Migration] | None = None,
) -> list[Migration]:
    """Bring the client's database up to this program: create it, apply what is missing, set the rest.

    Safe to repeat, to interrupt, and to run from several processes at once.

    Args:
        client: From `client.connect`; its `database` is the one that is migrated.
        cluster: Spread the database over this cluster. Statements of applied migrations are then repeated
            too, so that nodes that joined since get the tables. None: as the database is already, a single
            server's if it is new.
        retention: How long to keep what; None reads ROOTSPAN_RETENTION_*.
        rules: That are to be in force; None leaves those that are, an empty set ends them.
        migrations: Others than the package's own, for tests.

    Returns:
        What was applied now, in order. Empty if nothing was missing.

    Raises:
        SchemaTooNew: A newer rootspan migrated this database. Nothing was changed.
        SchemaChanged: An applied migration reads differently here. Nothing was changed.
        SchemaError: The server knows no such cluster, or the database is a single server's, or another's.
        RulesUnknown: What is missing makes views anew that are under rules, and `rules` is None. Nothing was
            changed.
        StoreConfigError: The engine cannot run a rule; the rules are as they were. Or the database is a
            cluster's, and rules are given: nothing was changed.
        StoreUnreachable, StoreRejected: The store's answer.
    """
    known = tuple(load_migrations() if migrations is None else migrations)
    database = require_identifier(str(client.database), "database")
    with store_errors():
        forms = _Forms(database, _cluster_to_use(client, database, cluster))
        forms.require_room_for(rules)
        record = forms.of(_sql("schema_table"))
        if cluster is not None or not forms.is_for_cluster:
            client.command(forms.create_database, use_database=False)
            for form in record:
                client.command(form)
        rows = client.query(_sql("schema_applied")).result_rows
        _check(database, {int(row[0]): str(row[2]) for row in rows}, known)
        missing = [m for m in known if m.version not in {int(row[0]) for row in rows}]
        if not forms.is_for_cluster:
            give_names_back(client, database)
            if rules is None and rows:
                require_rules(rules_in_force(client, database), _views_of(missing), database)
        for migration in known:
            # All are rendered, in order: a later one has to know which tables earlier ones made. Under rules
            # from the first moment: nothing gets in without them.
            ruled = [ruled_statement(statement, rules or RuleSet()) for statement in migration.statements]
            statements = [form for statement in ruled for form in forms.of(statement)]
            if migration not in missing and cluster is None:
                continue
            for statement in statements:
                client.command(statement)
            if migration not in missing:
                continue
            client.command(
                _sql("schema_record"),
                parameters={
                    "version": migration.version,
                    "name": migration.name,
                    "checksum": migration.checksum,
                },
            )
        settings = retention or load_retention()
        _apply_retention(client, forms, database, settings)
        # A view shows the columns that its tables had when it was made.
        _make_views(client, forms, database, settings, anew=bool(missing) or cluster is not None)
    if rules is not None and not forms.is_for_cluster:
        apply_rules(client, _views_of(known), rules)
    return missing


def _views_of(migrations: Sequence[Migration]) -> tuple[LandingView, ...]:
    return landing_views(statement for one in migrations for statement in one.statements)


def _cluster_to_use(client: "Client", database: str, asked: str | None) -> str | None:
    """The cluster that the database is spread over, or is to be.

    Raises:
        SchemaError: What is asked for is not there, or does not fit what the database is.
    """
    rows = client.query(
        _sql("table_definitions"),
        parameters={"database": database, "tables": ["rootspan_schema"]},
        settings={"database": "system"},
    ).result_rows
    found = cluster_of_engine(str(rows[0][1])) if rows else None
    if asked is None:
        return found
    if rows and found != asked:
        is_now = f"spread over cluster {found}" if found else "a single server's"
        raise SchemaError(
            f"database {database} is {is_now}, not cluster {asked}'s: use another database in --store"
        )
    known = [
        str(row[0]) for row in client.query(_sql("clusters"), settings={"database": "system"}).result_rows
    ]
    if asked not in known and not asked.startswith("{"):
        raise SchemaError(
            f"the server knows no cluster {asked}; it has {', '.join(known) or 'none'}: see remote_servers "
            "in its configuration"
        )
    return asked


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


def _apply_retention(client: "Client", forms: _Forms, database: str, settings: RetentionSettings) -> None:
    wanted = {forms.stored_in(table): (table, days) for table, days in retention_days(settings).items()}
    rows = client.query(
        _sql("table_definitions"), parameters={"database": database, "tables": list(wanted)}
    ).result_rows
    for name, definition in rows:
        table, days = wanted[name]
        if ttl_clause(days) not in definition:
            client.command(forms.of(retention_statement(table, days))[0])


def _make_views(
    client: "Client", forms: _Forms, database: str, settings: RetentionSettings, *, anew: bool
) -> None:
    names = {forms.stored_in(view): view for view in WHOLE_VIEWS}
    tables = [forms.stored_in(table) for sources in WHOLE_VIEWS.values() for table in sources]
    rows = client.query(
        _sql("view_definitions"), parameters={"database": database, "names": [*names, *tables]}
    ).result_rows
    found = {str(name): str(text) for name, text in rows}
    shown = {} if anew else {view: found[name] for name, view in names.items() if name in found}
    for view in views_to_make(shown, settings):
        if all(forms.stored_in(table) in found for table in WHOLE_VIEWS[view]):
            for form in forms.of(view_statement(view, settings)):
                client.command(form)
