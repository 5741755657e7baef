"""Rules as SQL: a SELECT around a landing view's own. Pure.

The view's SELECT stays as it is and becomes a subquery called `item`, so every condition reads what came in,
whatever other rules do. What changes attributes is an expression around the expression of the rule before:
values go through the rules in order, in one pass over each map.
"""

from collections.abc import Callable, Sequence

from pydantic import SecretStr

from rootspan_store.rules.layout import Layout
from rootspan_store.rules.model import (
    AttributeRule,
    Drop,
    Hash,
    Redact,
    Remove,
    Rename,
    Rule,
    RuleSet,
    Sample,
    When,
)
from rootspan_store.rules.quoting import sql_text, sql_texts

__all__ = ["count_left_out", "ruled_select"]

_HASHES = 2**64 - 1
# A hash of its own: senders sample by the id's own bits, and a share of a share must not be all or nothing.
_DRAW = "sipHash64({}, 'rootspan.sample')"
_NO_KEY = SecretStr("")  # of rules that do not hash


def ruled_select(select: str, layout: Layout, rules: RuleSet) -> str:
    """Return the SELECT of a landing view under rules; `select` itself if none of them is about it.

    Args:
        select: The view's own.
        layout: Of the table that it fills.
        rules: All rules.
    """
    own = _about(layout, rules)
    changed = _Changes(layout, rules.rules_key or _NO_KEY)
    for rule in own:
        if isinstance(rule, AttributeRule):
            changed.follow(rule)
    replaced = changed.columns()
    samples = [rule for rule in own if isinstance(rule, Sample)]
    if samples:
        replaced["Weight"] = f"item.Weight / {_ratio(layout, samples)}"
    left_out = _left_out(layout, own)
    if not replaced and not left_out:
        return select
    ruled = f"SELECT {_star(replaced)}\nFROM\n(\n{select}\n) AS item"
    if left_out:
        ruled += f"\nWHERE NOT ({' OR '.join(condition for condition, _ in left_out)})"
    if "ResourceAttributes" in replaced:
        derived = {
            column: f"item.ResourceAttributes[{sql_text(key)}]" for column, key in layout.derived.items()
        }
        ruled = f"SELECT {_star(derived)}\nFROM\n(\n{ruled}\n) AS item"
    return ruled


def count_left_out(select: str, layout: Layout, rules: RuleSet) -> str | None:
    """Return a SELECT that counts what `ruled_select` leaves out, by rule; None if it leaves out nothing."""
    left_out = _left_out(layout, _about(layout, rules))
    if not left_out:
        return None
    cases = ", ".join(f"{condition}, {sql_text(name)}" for condition, name in left_out)
    return (
        f"SELECT {sql_text(layout.signal)} AS Signal, Rule, toStartOfMinute(now()) AS Minute, "
        "count() AS Items\n"
        f"FROM\n(\nSELECT multiIf({cases}, '') AS Rule\nFROM\n(\n{select}\n) AS item\n)\n"
        "WHERE Rule != ''\nGROUP BY Rule"
    )


def _about(layout: Layout, rules: RuleSet) -> list[Rule]:
    return [rule for rule in rules.rules if layout.signal in rule.signals]


def _star(replaced: dict[str, str]) -> str:
    if not replaced:
        return "*"
    return f"* REPLACE ({', '.join(f'{what} AS {_column(name)}' for name, what in replaced.items())})"


def _column(name: str) -> str:
    return f"`{name}`"


def _item(name: str) -> str:
    return f"item.{_column(name)}"


def _left_out(layout: Layout, rules: Sequence[Rule]) -> list[tuple[str, str]]:
    """What leaves an item out, and the rule's name; the first that holds is the one."""
    found = [(_condition(rule.when, layout), rule.name) for rule in rules if isinstance(rule, Drop)]
    samples = [rule for rule in rules if isinstance(rule, Sample)]
    for place, rule in enumerate(samples):
        decided = [f"NOT {_condition(earlier.when, layout)}" for earlier in samples[:place]]
        unlucky = f"{_draw(layout)} > {int(rule.ratio * _HASHES)}"
        found.append((_all([*decided, _condition(rule.when, layout), unlucky]), rule.name))
    return found


def _draw(layout: Layout) -> str:
    best, other = layout.trace_ids
    return _DRAW.format(f"if({_item(best)} = '', {_item(other)}, {_item(best)})")


def _ratio(layout: Layout, samples: Sequence[Sample]) -> str:
    cases = ", ".join(f"{_condition(rule.when, layout)}, {rule.ratio!r}" for rule in samples)
    return f"multiIf({cases}, 1)"


def _all(conditions: Sequence[str]) -> str:
    return f"({' AND '.join(conditions)})" if conditions else "true"


def _condition(when: When, layout: Layout) -> str:
    parts = []
    for column, values in (("Tenant", when.tenant), ("ServiceName", when.service), (layout.name, when.name)):
        if values is not None:
            parts.append(f"{_item(column)} IN ({sql_texts(values)})")
    for column, pattern in (("ServiceName", when.service_matches), (layout.name, when.name_matches)):
        if pattern is not None:
            parts.append(f"match({_item(column)}, {sql_text(pattern)})")
    parts += [f"{_value(layout, key)} IN ({sql_texts(values)})" for key, values in when.attributes.items()]
    parts += [
        f"match({_value(layout, key)}, {sql_text(pattern)})" for key, pattern in when.attributes_match.items()
    ]
    present = [*when.has, *when.attributes, *when.attributes_match]
    parts += [f"({_has(layout.own, key)} OR {_has('ResourceAttributes', key)})" for key in present]
    return _all(parts)


def _has(column: str, key: str) -> str:
    return f"mapContains({_item(column)}, {sql_text(key)})"


def _value(layout: Layout, key: str) -> str:
    own, resource = (f"{_item(name)}[{sql_text(key)}]" for name in (layout.own, "ResourceAttributes"))
    return f"if({_has(layout.own, key)}, {own}, {resource})"


class _Changes:
    """Expressions of the columns that rules change, grown rule by rule."""

    def __init__(self, layout: Layout, key: SecretStr) -> None:
        self._layout = layout
        self._key = sql_text(key.get_secret_value())
        self._columns: dict[str, str] = {}

    def columns(self) -> dict[str, str]:
        """The changed columns' expressions."""
        return self._columns

    def follow(self, rule: AttributeRule) -> None:
        """Let a rule work on what those before it left."""
        layout = self._layout
        condition = _condition(rule.when, layout)
        places = {
            "attributes": (layout.own,),
            "resource": ("ResourceAttributes",),
            "scope": layout.scope,
            "events": (),
            "text": (),
        }
        for place in rule.within:
            for column in places[place]:
                self._grow(column, condition, lambda before: _map(rule, before, self._key))
            if place == "events":
                for column in layout.events:
                    self._grow(column, condition, lambda before: self._maps(rule, before))
            if place == "text" and isinstance(rule, Redact) and rule.pattern and not rule.names_keys:
                for column in layout.texts:
                    self._grow(column, condition, lambda before: _found(rule, before))

    def _maps(self, rule: AttributeRule, before: str) -> str:
        return f"arrayMap(x -> {_map(rule, 'x', self._key)}, {before})"

    def _grow(self, column: str, condition: str, change: Callable[[str], str]) -> None:
        before = self._columns.get(column, _item(column))
        if condition == "true":
            self._columns[column] = change(before)
        else:
            # Bound, because a chain of rules that named it twice would double in length with each.
            self._columns[column] = f"arrayMap(b -> if({condition}, {change('b')}, b), [{before}])[1]"


def _map(rule: AttributeRule, before: str, key: str) -> str:
    """A map's expression after a rule; `before` is the map's, and is used once."""
    if isinstance(rule, Rename):
        old, new = (f"[{sql_texts(names)}]" for names in (rule.keys, rule.keys.values()))
        renamed = f"transform(k, {old}, {new}, k)"
        return (
            f"arrayMap(m -> mapSort(mapApply((k, v) -> "
            f"(if(mapContains(m, {renamed}), k, {renamed}), v), m)), [{before}])[1]"
        )
    if isinstance(rule, Remove):
        return f"mapFilter((k, v) -> NOT {_chosen(rule)}, {before})"
    if isinstance(rule, Redact):
        value = _found(rule, "v") if rule.pattern else sql_text(rule.replacement)
    elif isinstance(rule, Hash):
        salted = f"concat({sql_text(rule.salt)}, '\\0', v)"
        value = f"lower(hex(substring(HMAC('SHA256', {salted}, {key}), 1, 16)))"
    else:
        raise TypeError(f"{type(rule).__name__} changes no attributes")
    chosen = f"if({_chosen(rule)}, {value}, v)" if rule.names_keys else value
    return f"mapApply((k, v) -> (k, {chosen}), {before})"


def _chosen(rule: Redact | Hash | Remove) -> str:
    parts = []
    if rule.keys:
        parts.append(f"k IN ({sql_texts(rule.keys)})")
    if rule.keys_match is not None:
        parts.append(f"match(k, {sql_text(rule.keys_match)})")
    return f"({' OR '.join(parts)})"


def _found(rule: Redact, text: str) -> str:
    pattern, replacement = rule.pattern or "", rule.replacement
    if "\\" in replacement:
        # A backslash would mean a group of the pattern. For a pattern without special letters, hence the
        # brackets, the engine would take two backslashes for two.
        pattern, replacement = f"(?:{pattern})", replacement.replace("\\", "\\\\")
    return f"replaceRegexpAll({text}, {sql_text(pattern)}, {sql_text(replacement)})"
