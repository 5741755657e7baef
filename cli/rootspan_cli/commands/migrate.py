"""`rootspan migrate`: applies or prints the schema."""

from pathlib import Path
from typing import Annotated

import typer

from rootspan_cli.extras import needing
from rootspan_cli.help import DEFAULT_STORE, StoreOption, examples

__all__ = ["EPILOG", "migrate"]

EPILOG = examples(
    ("rootspan migrate", "bring the store on this machine up to date"),
    ("rootspan migrate --store https://admin:secret@db:8443/otel", "a ClickHouse server"),
    (
        "rootspan migrate --store https://admin:secret@db:8443/otel --cluster main",
        "a cluster, or nodes that joined it",
    ),
    ("rootspan migrate --cluster main --print > schema.sql", "look before you leap"),
    ("rootspan migrate --print --rules collector.toml", "the views as these rules make them"),
    ("rootspan migrate --rules rules.toml", "bring these rules into force, and no others"),
)


def migrate(
    *,
    store: StoreOption = DEFAULT_STORE,
    cluster: Annotated[
        str | None,
        typer.Option(
            "--cluster",
            envvar="ROOTSPAN_CLUSTER",
            metavar="NAME",
            help="Spread the schema over this cluster of ClickHouse servers, a name of system.clusters.",
        ),
    ] = None,
    rules: Annotated[
        Path | None,
        typer.Option(
            "--rules",
            envvar="ROOTSPAN_MIGRATE_RULES",
            help="TOML file with \\[\\[rules]], such as the collector's. Without it, rules stay as they are.",
        ),
    ] = None,
    print_only: Annotated[
        bool,
        typer.Option(
            "--print", envvar="ROOTSPAN_MIGRATE_PRINT", help="Print the whole schema as SQL; change nothing."
        ),
    ] = False,
) -> None:
    """Bring the schema of a store up to this program's, or print it.

    Applies each migration once; safe to repeat and to interrupt. Refuses a database that a newer rootspan
    has migrated. `rootspan up` and `rootspan collector` do this by themselves. On a cluster, the first time
    is yours, with --cluster, and so is the time after a node joined.
    """
    with needing("client", "clickhouse_connect"):
        from rootspan_store.client import StoreUrl, connect
        from rootspan_store.rules import load_rules
        from rootspan_store.schema import applied_version, render
        from rootspan_store.schema import migrate as apply
    url = StoreUrl.parse(store)
    rule_set = load_rules(rules) if rules is not None else None
    if print_only:
        print(render(url.database, cluster=cluster, rules=rule_set), end="")
        return
    client = connect(url)
    try:
        applied = apply(client, cluster=cluster, rules=rule_set)
        for migration in applied:
            print(f"applied {migration.version:04d} {migration.name}")
        print(f"{url}: schema {applied_version(client)}" + ("" if applied else ", nothing to do"))
        if rule_set is not None:
            print(f"rules in force: {', '.join(rule.name for rule in rule_set.rules) or 'none'}")
    finally:
        client.close()
