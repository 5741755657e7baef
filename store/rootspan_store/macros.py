"""Column types of the landing tables, named once.

Migrations say `${attributes}` where OTLP has `repeated KeyValue`; this module says what that is in
ClickHouse's types. The member names are those of `otlp/*.proto`: ClickHouse matches columns and fields by
name. An `Enum8` named after a oneof tells which member is set (`input_format_protobuf_oneof_presence`).
"""

__all__ = ["MACROS"]

_VALUE_KIND = (
    "value Enum8('none' = 0, 'string_value' = 1, 'bool_value' = 2, 'int_value' = 3, 'double_value' = 4, "
    "'array_value' = 5, 'kvlist_value' = 6, 'bytes_value' = 7)"
)
_SCALARS = "string_value String, bool_value Bool, int_value Int64, double_value Float64"
_LEAF = f"Tuple({_SCALARS}, array_value String, kvlist_value String, bytes_value String, {_VALUE_KIND})"
_ANY_VALUE = (
    f"Tuple({_SCALARS}, array_value Tuple(values Array({_LEAF})), "
    f"kvlist_value Tuple(values Array(Tuple(key String, value {_LEAF}))), bytes_value String, {_VALUE_KIND})"
)
_ATTRIBUTES = f"Array(Tuple(key String, value {_ANY_VALUE}))"
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

# One OTLP value as text: strings as they are, numbers and booleans as JSON writes them, arrays and key-value
# lists as JSON, bytes (and whatever is nested deeper than one level) as base64.
_LEAF_JSON = (
    "multiIf({x}.value = 'string_value', toJSONString({x}.string_value), "
    "{x}.value = 'int_value', toString({x}.int_value), "
    "{x}.value = 'double_value', toJSONString({x}.double_value), "
    "{x}.value = 'bool_value', if({x}.bool_value, 'true', 'false'), "
    "{x}.value = 'none', 'null', "
    "toJSONString(base64Encode(concat({x}.array_value, {x}.kvlist_value, {x}.bytes_value))))"
)
_VALUE_TEXT = (
    "(kind, s, i, d, b, items, pairs, raw) -> multiIf("
    "kind = 'string_value', s, "
    "kind = 'int_value', toString(i), "
    "kind = 'double_value', toString(d), "
    "kind = 'bool_value', if(b, 'true', 'false'), "
    "kind = 'array_value', concat('[', arrayStringConcat(arrayMap(x -> "
    + _LEAF_JSON.format(x="x")
    + ", items), ','), ']'), "
    "kind = 'kvlist_value', concat('{', arrayStringConcat(arrayMap(x -> concat(toJSONString(x.key), ':', "
    + _LEAF_JSON.format(x="x.value")
    + "), pairs), ','), '}'), "
    "base64Encode(raw))"
)
_TEXT_OF_ARRAY = (
    f"arrayMap({_VALUE_TEXT}, a.value.value, a.value.string_value, a.value.int_value, a.value.double_value, "
    "a.value.bool_value, a.value.array_value.values, a.value.kvlist_value.values, a.value.bytes_value)"
)

# The scopes of every resource of an OTLP metrics request: where each of the five metric views starts.
_METRICS_OF_OTLP = """(
        SELECT
            resource_map,
            resource_schema_url,
            scope.scope.name AS scope_name,
            scope.scope.version AS scope_version,
            attribute_map(scope.scope.attributes) AS scope_map,
            scope.scope.dropped_attributes_count AS scope_dropped_attributes,
            scope.schema_url AS scope_schema_url,
            scope.metrics AS metrics
        FROM
        (
            SELECT
                attribute_map(r.resource.attributes) AS resource_map,
                r.schema_url AS resource_schema_url,
                r.scope_metrics AS scopes
            FROM otlp_metrics
            ARRAY JOIN resource_metrics AS r
        )
        ARRAY JOIN scopes AS scope
    )"""

MACROS = {
    "any_value": _ANY_VALUE,
    "attributes": _ATTRIBUTES,
    "exemplars": _EXEMPLARS,
    "number_points": _NUMBER_POINTS,
    "metrics_of_otlp": _METRICS_OF_OTLP,
    "to_text": f"({_VALUE_TEXT})",
    "to_map": f"a -> mapSort(mapFromArrays(a.key, {_TEXT_OF_ARRAY}))",
}
