"""Which statements of the schema make landing views, and how they read under rules. Pure."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rootspan_store.rules.compiling import count_left_out, ruled_select
from rootspan_store.rules.layout import LAYOUTS, Layout
from rootspan_store.rules.model import RuleSet

__all__ = ["LandingView", "counter_statements", "landing_views", "ruled_statement"]

_CREATES = re.compile(
    r"(?P<head>CREATE MATERIALIZED VIEW IF NOT EXISTS (?P<name>\w+) "
    r"TO (?P<table>\w+))\s+AS\s+(?P<select>.*)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class LandingView:
    """A view that turns OTLP into rows of a table.

    Attributes:
        name: The view's.
        table: What it fills.
        select: Its own SELECT, without rules.
    """

    name: str
    table: str
    select: str

    @property
    def layout(self) -> Layout:
        """What rules look at."""
        return LAYOUTS[self.table]

    @property
    def counter(self) -> str:
        """Name of the view that counts what rules leave out of this one."""
        return f"rootspan_dropped_{self.table.removeprefix('otel_')}_mv"

    def ruled(self, rules: RuleSet) -> str:
        """Its SELECT under rules."""
        return ruled_select(self.select, self.layout, rules)

    def counting(self, rules: RuleSet) -> str | None:
        """The counter's SELECT under rules; None: rules leave out nothing."""
        return count_left_out(self.select, self.layout, rules)

    def making_counter(self, rules: RuleSet) -> str | None:
        """The statement that makes the counter under rules; None: rules leave out nothing."""
        counting = self.counting(rules)
        if counting is None:
            return None
        return f"CREATE MATERIALIZED VIEW IF NOT EXISTS {self.counter} TO rootspan_dropped AS\n{counting}"

    def digest(self, rules: RuleSet) -> str:
        """SHA-256 of what it and its counter are under rules."""
        text = f"{self.ruled(rules)}\0{self.counting(rules)}"
        return hashlib.sha256(text.encode()).hexdigest()


def landing_views(statements: Iterable[str]) -> tuple[LandingView, ...]:
    """Return the landing views that statements make, in order; of one that is made twice the last."""
    found: dict[str, LandingView] = {}
    for statement in statements:
        view = _landing_view(statement)
        if view is not None:
            found[view.name] = view
    return tuple(found.values())


def _landing_view(statement: str) -> LandingView | None:
    made = _CREATES.fullmatch(statement)
    # Views of raw tables fill raw tables too; those of OTLP alone are before everything else.
    if made is None or made["table"] not in LAYOUTS or not re.search(r"\bFROM otlp_\w+", made["select"]):
        return None
    return LandingView(made["name"], made["table"], made["select"])


def counter_statements(views: Iterable[LandingView], rules: RuleSet) -> Iterator[str]:
    """Yield the statements that make the counters of views under rules."""
    for view in views:
        statement = view.making_counter(rules)
        if statement is not None:
            yield statement


def ruled_statement(statement: str, rules: RuleSet) -> str:
    """Return a statement of the schema as it reads under rules: unchanged if it makes no landing view."""
    view = _landing_view(statement)
    if view is None or not rules.rules:
        return statement
    ruled = view.ruled(rules)
    return statement if ruled == view.select else statement[: len(statement) - len(view.select)] + ruled
