"""Conditions on attributes as SQL: which map a key stands in decides what has to be read.

An attribute map is most of what a search reads, so a key that only spans carry is not looked for in
resources, and the other way round; resources that have a column of their own are read from it. Where a key
stands is learnt from the range's end; a key that is not seen there is looked for in both. Text that a person
typed stays a bound parameter.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from rootspan_analysis.views.statements import ArrowClient, Parameter, run_statement
from rootspan_analysis.views.trace_filter import Condition

__all__ = ["Place", "condition_parameters", "conditions_sql", "fetch_key_places"]

Place = Literal["span", "resource", "both"]
COLUMNS: Final[Mapping[str, str]] = {
    "service.name": "ServiceName",
    "service.version": "ServiceVersion",
    "host.name": "HostName",
    "cloud.region": "Region",
    "cloud.availability_zone": "Zone",
    "gpu.index": "Gpu",
    "training.job.id": "JobId",
}
"""Columns that are a copy of a resource attribute; empty where it is not there."""
TESTS: Final[Mapping[str, str]] = {
    "exists": "{there}",
    "=": "{value} = {wanted}",
    "!=": "{value} != {wanted}",
    "~": "positionCaseInsensitiveUTF8({value}, {wanted}) > 0",
    ">": "ifNull(toFloat64OrNull({value}) > toFloat64OrNull({wanted}), 0)",
    "<": "ifNull(toFloat64OrNull({value}) < toFloat64OrNull({wanted}), 0)",
}


def fetch_key_places(
    client: ArrowClient, keys: Sequence[str], *, from_ns: int, to_ns: int
) -> dict[str, Place]:
    """Where each key stands on the spans that began in the range."""
    found: dict[str, Place] = {}
    for key in dict.fromkeys(keys):
        (row,) = run_statement(client, "key_places", key=key, from_ns=from_ns, to_ns=to_ns).to_pylist()
        if row["on_spans"] and not row["on_resources"]:
            found[key] = "span"
        elif row["on_resources"] and not row["on_spans"]:
            found[key] = "resource"
        else:
            found[key] = "both"
    return found


def conditions_sql(where: Sequence[Condition], places: Mapping[str, Place]) -> str:
    """All of them, as text that names parameters `key_0`, `value_0`, ...; `true` without any."""
    texts = []
    for number, one in enumerate(where):
        key, wanted = f"{{key_{number}:String}}", f"{{value_{number}:String}}"
        there, value = _reads(one.key, key, places.get(one.key, "both"))
        texts.append(TESTS[one.operator].format(there=there, value=value, wanted=wanted))
    return " AND ".join(texts) or "true"


def _reads(name: str, key: str, place: Place) -> tuple[str, str]:
    """Whether the attribute is there, and its value."""
    if place == "resource" and name in COLUMNS:
        return f"{COLUMNS[name]} != ''", f"toString({COLUMNS[name]})"
    on_span, on_resource = f"mapContains(SpanAttributes, {key})", f"mapContains(ResourceAttributes, {key})"
    of_span, of_resource = _value("SpanAttributes", key), _value("ResourceAttributes", key)
    if place == "span":
        return on_span, of_span
    if place == "resource":
        return on_resource, of_resource
    return f"({on_span} OR {on_resource})", f"if({on_span}, {of_span}, {of_resource})"


def _value(attributes: str, key: str) -> str:
    """A value of a map, empty if it is not there.

    `map['key']` compares texts row by row; a place among the keys is looked up once.
    """
    return f"mapValues({attributes})[indexOf(mapKeys({attributes}), {key})]"


def condition_parameters(where: Sequence[Condition]) -> dict[str, Parameter]:
    """What the text's parameters stand for."""
    found: dict[str, Parameter] = {}
    for number, one in enumerate(where):
        found |= {f"key_{number}": one.key, f"value_{number}": one.value}
    return found
