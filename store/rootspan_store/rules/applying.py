"""Brings the landing views of a database under rules, if they are not; remembers which are in force.

A view's query is altered, not the view made anew: that is one step for the engine, so an insert runs under
the old rules or under the new ones, never under none and never under both.

An altered view has other deduplication tokens until the engine starts again: it takes the view's UUID
in place of its name. A segment that is repeated across that would be stored twice. Renaming the view
away and back makes the engine take the name again. A view that a crash left renamed gets its name back first.
"""

import logging
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import TYPE_CHECKING

from rootspan_store.client import store_errors
from rootspan_store.errors import RulesUnknown, StoreConfigError, StoreRejected
from rootspan_store.rules.model import RuleSet
from rootspan_store.rules.views import LandingView

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

__all__ = ["apply_rules", "give_names_back", "require_rules", "rules_in_force"]

_LOG = logging.getLogger(__name__)
_AWAY = "_rootspan_renamed"
_NONE = RuleSet()


def rules_in_force(client: "Client", database: str) -> dict[str, str]:
    """Return the digest of each landing view that was ever under rules, by view. Wrap in `store_errors`."""
    present = client.query(
        _sql("table_definitions"), parameters={"database": database, "tables": ["rootspan_rules"]}
    ).result_rows
    if not present:  # a schema from before rules
        return {}
    return {str(row[0]): str(row[1]) for row in client.query(_sql("rules_in_force")).result_rows}


def give_names_back(client: "Client", database: str) -> None:
    """Rename views that a crash left with another name. Wrap in `store_errors`."""
    for name in _views_like(client, database, f"%{_AWAY}"):
        client.command(f"RENAME TABLE {name} TO {name.removesuffix(_AWAY)}")


def apply_rules(client: "Client", views: Sequence[LandingView], rules: RuleSet) -> list[str]:
    """Alter the views whose SELECT under these rules is not the one that is in force.

    Safe to repeat and to interrupt.

    Returns:
        Names of the views that were altered.

    Raises:
        StoreConfigError: The engine cannot run a rule; nothing was changed.
        StoreUnreachable, StoreRejected: The store's answer.
    """
    with store_errors():
        in_force = rules_in_force(client, str(client.database))
    changing = [view for view in views if in_force.get(view.name, view.digest(_NONE)) != view.digest(rules)]
    if not changing:
        return []
    _try_out(client, changing, rules)
    with store_errors():
        for view in changing:
            _change(client, view, rules)
            _record(client, view, rules)
    _LOG.info("rules changed in %s", ", ".join(view.name for view in changing))
    return [view.name for view in changing]


def _record(client: "Client", view: LandingView, rules: RuleSet) -> None:
    """Remember what a view is under now. Wrap in `store_errors`."""
    client.command(
        _sql("rules_record"),
        parameters={
            "view": view.name,
            "digest": view.digest(rules),
            "rules": [rule.name for rule in rules.rules if view.layout.signal in rule.signals],
        },
    )


def require_rules(in_force: Mapping[str, str], making: Sequence[LandingView], database: str) -> None:
    """Refuse to make views anew whose rules are not given, since they would come to be without.

    Raises:
        RulesUnknown: One of them is under rules.
    """
    ruled = [
        view.name for view in making if in_force.get(view.name, view.digest(_NONE)) != view.digest(_NONE)
    ]
    if ruled:
        raise RulesUnknown(
            f"database {database} has rules in {', '.join(ruled)}, and this upgrade makes these views anew: "
            "give the rules that are to hold (`rootspan migrate --rules FILE`, or `rules` in the collector's "
            "file); an empty list ends them"
        )


def _try_out(client: "Client", views: Sequence[LandingView], rules: RuleSet) -> None:
    """Run each new SELECT on nothing: patterns and all are compiled, so nothing fails at an insert."""
    for view in views:
        for text in (view.ruled(rules), view.counting(rules)):
            try:
                with store_errors():
                    if text is not None and text != view.select:
                        client.query(text)
            except StoreRejected as err:
                raise StoreConfigError(
                    f"rules: the store cannot run them in {view.name}, so nothing was changed: {err}"
                ) from err


def _change(client: "Client", view: LandingView, rules: RuleSet) -> None:
    database = str(client.database)
    counting, making = view.counting(rules), view.making_counter(rules)
    has_counter = bool(_views_like(client, database, view.counter))
    if making is not None and not has_counter:
        client.command(making)
    elif counting is not None:
        _alter(client, view.counter, counting)
    _alter(client, view.name, view.ruled(rules))
    if counting is None and has_counter:
        client.command(f"DROP VIEW {view.counter}")


def _alter(client: "Client", name: str, select: str) -> None:
    client.command(f"ALTER TABLE {name} MODIFY QUERY {select}")
    client.command(f"RENAME TABLE {name} TO {name}{_AWAY}, {name}{_AWAY} TO {name}")


def _views_like(client: "Client", database: str, pattern: str) -> list[str]:
    rows = client.query(
        _sql("views_like"), parameters={"database": database, "pattern": pattern.replace("_", "\\_")}
    ).result_rows
    return [str(row[0]) for row in rows]


def _sql(name: str) -> str:
    return files("rootspan_store").joinpath("sql", f"{name}.sql").read_text(encoding="utf-8").strip()
