"""What several migrations say alike, named once: column types of the landing tables, and how values are read.

Migrations say `${attributes}` where OTLP has `repeated KeyValue`. The member names are those of
`otlp/*.proto`: ClickHouse matches columns and fields by name. An `Enum8` named after a oneof tells which
member is set (`input_format_protobuf_oneof_presence`).
"""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

__all__ = ["macros", "narrow_span"]

_ATTRIBUTE = re.compile(r"SpanAttributes\['([^']+)'\]")
_ATTRIBUTES = "Array(Tuple(key String, value String))"
_EXEMPLARS = (
    "Array(Tuple(time_unix_nano UInt64, as_double Float64, as_int Int64, "
    "value Enum8('none' = 0, 'as_double' = 3, 'as_int' = 6), span_id String, trace_id String, "
    f"filtered_attributes {_ATTRIBUTES}))"
)
_NUMBER_POINTS = (
    "Array(Tuple(start_time_unix_nano UInt64, time_unix_nano UInt64, as_double Float64, as_int Int64, "
    f"value Enum8('none' = 0, 'as_double' = 4, 'as_int' = 6), exemplars {_EXEMPLARS}, attributes "
    f"{_ATTRIBUTES}, "
    "flags UInt32))"
)

# The oneof `data` of a metric: a member for each kind.
_METRIC_KINDS = f"""gauge Tuple(data_points {_NUMBER_POINTS}),
sum Tuple(data_points {_NUMBER_POINTS}, aggregation_temporality Int32, is_monotonic Bool),
histogram Tuple(
    data_points Array(Tuple(
        start_time_unix_nano UInt64,
        time_unix_nano UInt64,
        count UInt64,
        sum Float64,
        bucket_counts Array(UInt64),
        explicit_bounds Array(Float64),
        exemplars {_EXEMPLARS},
        attributes {_ATTRIBUTES},
        flags UInt32,
        min Float64,
        max Float64)),
    aggregation_temporality Int32),
exponential_histogram Tuple(
    data_points Array(Tuple(
        attributes {_ATTRIBUTES},
        start_time_unix_nano UInt64,
        time_unix_nano UInt64,
        count UInt64,
        sum Float64,
        scale Int32,
        zero_count UInt64,
        positive Tuple(offset Int32, bucket_counts Array(UInt64)),
        negative Tuple(offset Int32, bucket_counts Array(UInt64)),
        flags UInt32,
        exemplars {_EXEMPLARS},
        min Float64,
        max Float64,
        zero_threshold Float64)),
    aggregation_temporality Int32),
summary Tuple(
    data_points Array(Tuple(
        start_time_unix_nano UInt64,
        time_unix_nano UInt64,
        count UInt64,
        sum Float64,
        quantile_values Array(Tuple(quantile Float64, value Float64)),
        attributes {_ATTRIBUTES},
        flags UInt32)))"""


@cache
def narrow_span() -> str:
    """Columns of a span of otel_traces as `otel_spans_sampled` has them: a SELECT list."""
    # `map['key']` compares texts row by row; a place among the keys is looked up once (docs/adr/0023).
    return _ATTRIBUTE.sub(
        r"mapValues(SpanAttributes)[indexOf(mapKeys(SpanAttributes), '\1')]", _fragment("narrow_span")
    )


@cache
def macros() -> Mapping[str, str]:
    """Return what each `${name}` in a migration stands for."""
    return {
        "narrow_span": narrow_span(),
        "attributes": _ATTRIBUTES,
        "metric_kinds": _METRIC_KINDS,
        "otlp_values": _fragment("otlp_values"),
        "training_columns": _fragment("training_columns"),
    }


def _fragment(name: str) -> str:
    text = files("rootspan_store").joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")
    # Every insert reads a view's text again: without comments.
    return "\n".join(line for line in text.splitlines() if line and not line.startswith("--"))
