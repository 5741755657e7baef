CREATE DATABASE IF NOT EXISTS otel;
USE otel;

-- 0001 traces
CREATE TABLE IF NOT EXISTS otlp_traces
(
    resource_spans Array(Tuple(
        resource Tuple(attributes Array(Tuple(key String, value String)), dropped_attributes_count UInt32),
        scope_spans Array(Tuple(
        scope Tuple(name String, version String, attributes Array(Tuple(key String, value String)), dropped_attributes_count UInt32),
        spans Array(Tuple(
            trace_id String,
            span_id String,
            trace_state String,
            parent_span_id String,
            name String,
            kind Int32,
            start_time_unix_nano UInt64,
            end_time_unix_nano UInt64,
            attributes Array(Tuple(key String, value String)),
            dropped_attributes_count UInt32,
            events Array(Tuple(
                time_unix_nano UInt64,
                name String,
                attributes Array(Tuple(key String, value String)),
                dropped_attributes_count UInt32)),
            dropped_events_count UInt32,
            links Array(Tuple(
                trace_id String,
                span_id String,
                trace_state String,
                attributes Array(Tuple(key String, value String)),
                dropped_attributes_count UInt32,
                flags UInt32)),
            dropped_links_count UInt32,
            status Tuple(message String, code Int32),
            flags UInt32)),
        schema_url String)),
    schema_url String)),
    rootspan_tenant String
)
ENGINE = Null;

CREATE TABLE IF NOT EXISTS otel_traces
(
    Timestamp DateTime64(9) CODEC(Delta, ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    ParentSpanId String CODEC(ZSTD(1)),
    TraceState String CODEC(ZSTD(1)),
    SpanName LowCardinality(String) CODEC(ZSTD(1)),
    SpanKind LowCardinality(String) CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion String CODEC(ZSTD(1)),
    SpanAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    Duration UInt64 CODEC(ZSTD(1)),
    StatusCode LowCardinality(String) CODEC(ZSTD(1)),
    StatusMessage String CODEC(ZSTD(1)),
    Events Nested(Timestamp DateTime64(9), Name LowCardinality(String), Attributes Map(LowCardinality(String), String))
        CODEC(ZSTD(1)),
    Links Nested(TraceId String, SpanId String, TraceState String, Attributes Map(LowCardinality(String), String))
        CODEC(ZSTD(1)),

    -- Beyond the exporter's columns: what every question asks, and the rest of an OTLP message.
    HostName LowCardinality(String) DEFAULT ResourceAttributes['host.name'] CODEC(ZSTD(1)),
    Region LowCardinality(String) DEFAULT ResourceAttributes['cloud.region'] CODEC(ZSTD(1)),
    Zone LowCardinality(String) DEFAULT ResourceAttributes['cloud.availability_zone'] CODEC(ZSTD(1)),
    ServiceVersion LowCardinality(String) DEFAULT ResourceAttributes['service.version'] CODEC(ZSTD(1)),
    Gpu LowCardinality(String) DEFAULT ResourceAttributes['gpu.index'] CODEC(ZSTD(1)),
    JobId LowCardinality(String) DEFAULT ResourceAttributes['training.job.id'] CODEC(ZSTD(1)),
    Weight Float32 DEFAULT if(toFloat32OrZero(ResourceAttributes['rootspan.sampling.ratio']) > 0,
        1 / toFloat32OrZero(ResourceAttributes['rootspan.sampling.ratio']), 1) CODEC(ZSTD(1)),
    ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ResourceSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ScopeSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    Flags UInt32 CODEC(ZSTD(1)),
    DroppedAttributes UInt32 CODEC(ZSTD(1)),
    DroppedEvents UInt32 CODEC(ZSTD(1)),
    DroppedLinks UInt32 CODEC(ZSTD(1)),
    -- The sender gave no end: it was still running when it was sent. Its Duration is 0.
    Unfinished Bool DEFAULT false CODEC(ZSTD(1)),
    -- Whose it is, by the word of a collector that knows tenants.
    Tenant LowCardinality(String) CODEC(ZSTD(1)),
    InsertedAt DateTime DEFAULT now() CODEC(Delta, ZSTD(1)),
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_duration Duration TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toDate(Timestamp)
ORDER BY (ServiceName, SpanName, toDateTime(Timestamp))
SETTINGS
    ttl_only_drop_parts = 1,
    non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_traces_to_spans TO otel_traces AS
WITH
    x -> bitOr(bitAnd(x, 0x007f007f007f007f), bitShiftRight(bitAnd(x, 0x7f007f007f007f00), 1)) AS otlp_join_7,
x -> bitOr(bitAnd(x, 0x00003fff00003fff), bitShiftRight(bitAnd(x, 0x3fff00003fff0000), 2)) AS otlp_join_14,
x -> bitOr(bitAnd(x, 0x000000000fffffff), bitShiftRight(bitAnd(x, 0x0fffffff00000000), 4)) AS otlp_join_28,
v -> reinterpretAsInt64(arraySum(
    i -> bitShiftLeft(bitAnd(reinterpretAsUInt64(substring(v, i + 1, 1)), 127), 7 * (i - 1)),
    range(1, toUInt64(least(length(v), 11))))) AS otlp_int,
v -> substring(v, 3 + (length(v) > 129) + (length(v) > 16386) + (length(v) > 2097155) + (length(v) > 268435460)) AS otlp_rest,
v -> multiIf(
    startsWith(v, '\x0A'), toJSONString(otlp_rest(v)),
    startsWith(v, '\x18'), toString(otlp_int(v)),
    startsWith(v, '\x21'), toJSONString(reinterpretAsFloat64(substring(v, 2))),
    startsWith(v, '\x10'), if(endsWith(v, '\0'), 'false', 'true'),
    v = '', 'null',
    toJSONString(base64Encode(otlp_rest(v)))) AS otlp_leaf_json,
(b, p) -> reinterpretAsUInt64(substring(b, p + 2, 4)) AS otlp_after_tag,
w -> 1 + (bitAnd(w, 0x80) = 0x80) + (bitAnd(w, 0x8080) = 0x8080) + (bitAnd(w, 0x808080) = 0x808080) AS otlp_size,
(w, n) -> otlp_join_14(otlp_join_7(bitAnd(bitAnd(w, 0x7f7f7f7f), toUInt64(bitShiftLeft(toUInt64(1), 8 * n) - 1)))) AS otlp_length,
b -> arrayFold(
    (begun, steps) -> arrayFold(
        (state, step) -> if(
            state.1 < length(b),
            arrayMap(
                (w, n) -> arrayMap(
                    (start, size) -> (start + size, arrayPushBack(state.2, (start, size))),
                    [state.1 + 1 + n], [otlp_length(w, n)])[1],
                [otlp_after_tag(b, state.1)], [otlp_size(otlp_after_tag(b, state.1))])[1],
            state),
        range(if(begun.1 < length(b) AND length(b) <= 65536, least(steps, 4096), 0)),
        begun),
    [4 + intDiv(length(b), 32), intDiv(length(b), 8), intDiv(length(b), 2)],
    (toUInt64(0), CAST([], 'Array(Tuple(UInt64, UInt64))'))) AS otlp_fields,
v -> arrayMap(
    (b, pairs) -> arrayMap(
        walked -> if(
            walked.1 = length(b),
            concat(
                if(pairs, '{', '['),
                arrayStringConcat(
                    arrayMap(
                        (key, value) -> concat(if(pairs, concat(toJSONString(key), ':'), ''), otlp_leaf_json(value)),
                        arrayMap(item -> if(startsWith(item.1, '\x0A'), substring(item.1, item.2 + 2, item.3), ''), walked.3),
                        arrayMap(
                            item -> if(
                                pairs,
                                otlp_rest(substring(item.1, if(startsWith(item.1, '\x0A'), item.2 + item.3 + 2, 1))),
                                item.1),
                            walked.3)),
                    ','),
                if(pairs, '}', ']')),
            base64Encode(b)),
        arrayMap(
            walked -> (walked.1, walked.2, arrayMap(
                (item, w, n) -> (item, n, otlp_length(w, n)),
                arrayMap(field -> substring(b, field.1 + 1, field.2), walked.2),
                arrayMap(field -> otlp_after_tag(b, field.1), walked.2),
                arrayMap(field -> otlp_size(otlp_after_tag(b, field.1)), walked.2))),
            [otlp_fields(b)]))[1],
    [otlp_rest(v)], [startsWith(v, '\x32')])[1] AS otlp_list_json,
(v, tag, small) -> multiIf(
    reinterpretAsUInt16(v) = length(v) * 256 - 502, substring(v, 3),
    tag = 24 AND length(v) <= 8, toString(small),
    tag = 33, toString(reinterpretAsFloat64(substring(v, 2))),
    tag = 16, if(endsWith(v, '\0'), 'false', 'true'),
    tag = 24, toString(otlp_int(v)),
    v = '', '',
    tag = 10, otlp_rest(v),
    tag = 42 OR tag = 50, otlp_list_json(v),
    base64Encode(otlp_rest(v))) AS otlp_text,
values -> arrayMap(
    (v, tag, small) -> otlp_text(v, tag, small),
    values,
    arrayMap(v -> reinterpretAsUInt8(v), values),
    arrayMap(x -> otlp_join_28(x), arrayMap(x -> otlp_join_14(x), arrayMap(x -> otlp_join_7(x), arrayMap(
        v -> bitAnd(bitShiftRight(reinterpretAsUInt64(v), 8), 0x007f7f7f7f7f7f7f), values))))) AS otlp_texts,
a -> mapSort(mapFromArrays(a.key, otlp_texts(a.value))) AS otlp_map,
    -- Together, because each use of otlp_map costs every insert a hundredth of a second.
    arrayMap(a -> otlp_map(a), arrayConcat(span.events.attributes, span.links.attributes)) AS event_and_link_maps
SELECT
    fromUnixTimestamp64Nano(toInt64(least(span.start_time_unix_nano, 9223372036854775807))) AS Timestamp,
    lower(hex(span.trace_id)) AS TraceId,
    lower(hex(span.span_id)) AS SpanId,
    lower(hex(span.parent_span_id)) AS ParentSpanId,
    span.trace_state AS TraceState,
    span.name AS SpanName,
    transform(span.kind, [1, 2, 3, 4, 5], ['Internal', 'Server', 'Client', 'Producer', 'Consumer'], 'Unspecified') AS SpanKind,
    ServiceName,
    ResourceAttributes,
    ScopeName,
    ScopeVersion,
    otlp_map(span.attributes) AS SpanAttributes,
    if(span.end_time_unix_nano > span.start_time_unix_nano, span.end_time_unix_nano - span.start_time_unix_nano, 0) AS Duration,
    transform(span.status.code, [1, 2], ['Ok', 'Error'], 'Unset') AS StatusCode,
    span.status.message AS StatusMessage,
    arrayMap(t -> fromUnixTimestamp64Nano(toInt64(t)), span.events.time_unix_nano) AS `Events.Timestamp`,
    span.events.name AS `Events.Name`,
    arraySlice(event_and_link_maps, 1, length(span.events.name)) AS `Events.Attributes`,
    arrayMap(x -> lower(hex(x)), span.links.trace_id) AS `Links.TraceId`,
    arrayMap(x -> lower(hex(x)), span.links.span_id) AS `Links.SpanId`,
    span.links.trace_state AS `Links.TraceState`,
    arraySlice(event_and_link_maps, length(span.events.name) + 1) AS `Links.Attributes`,
    HostName,
    Region,
    Zone,
    ServiceVersion,
    Gpu,
    JobId,
    Weight,
    ScopeAttributes,
    ResourceSchemaUrl,
    ScopeSchemaUrl,
    span.flags AS Flags,
    span.dropped_attributes_count AS DroppedAttributes,
    span.dropped_events_count AS DroppedEvents,
    span.dropped_links_count AS DroppedLinks,
    span.end_time_unix_nano = 0 AS Unfinished,
    Tenant,
    now() AS InsertedAt
FROM
(
    -- What all spans of a scope share is read once for each scope, not for each span.
    SELECT
        CAST(maps[1], 'Map(LowCardinality(String), String)') AS ResourceAttributes,
        CAST(maps[2], 'Map(LowCardinality(String), String)') AS ScopeAttributes,
        toLowCardinality(maps[1]['service.name']) AS ServiceName,
        toLowCardinality(maps[1]['host.name']) AS HostName,
        toLowCardinality(maps[1]['cloud.region']) AS Region,
        toLowCardinality(maps[1]['cloud.availability_zone']) AS Zone,
        toLowCardinality(maps[1]['service.version']) AS ServiceVersion,
        toLowCardinality(maps[1]['gpu.index']) AS Gpu,
        toLowCardinality(maps[1]['training.job.id']) AS JobId,
        toFloat32OrZero(maps[1]['rootspan.sampling.ratio']) AS ratio,
        if(ratio > 0 AND ratio <= 1, 1 / ratio, 1) AS Weight,
        toLowCardinality(resource_schema_url) AS ResourceSchemaUrl,
        toLowCardinality(scope_schema_url) AS ScopeSchemaUrl,
        scope_name AS ScopeName,
        scope_version AS ScopeVersion,
        toLowCardinality(tenant) AS Tenant,
        spans
    FROM
    (
        SELECT
            arrayMap(a -> otlp_map(a), [resource.attributes, scope.scope.attributes]) AS maps,
            resource_schema_url,
            scope.schema_url AS scope_schema_url,
            scope.scope.name AS scope_name,
            scope.scope.version AS scope_version,
            scope.spans AS spans,
            tenant
        FROM
        (
            SELECT
                r.resource AS resource, r.schema_url AS resource_schema_url, r.scope_spans AS scopes, rootspan_tenant AS tenant
            FROM otlp_traces
            ARRAY JOIN resource_spans AS r
        )
        ARRAY JOIN scopes AS scope
    )
)
ARRAY JOIN spans AS span;

CREATE TABLE IF NOT EXISTS otel_traces_trace_id_ts
(
    TraceId String CODEC(ZSTD(1)),
    Start DateTime64(9) CODEC(Delta, ZSTD(1)),
    End DateTime64(9) CODEC(Delta, ZSTD(1)),
    InsertedAt DateTime DEFAULT now() CODEC(Delta, ZSTD(1)),
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toDate(Start)
ORDER BY (TraceId, Start)
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS otel_traces_trace_id_ts_mv TO otel_traces_trace_id_ts AS
SELECT TraceId, min(Timestamp) AS Start, max(Timestamp) AS End, now() AS InsertedAt
FROM otel_traces
WHERE TraceId != ''
GROUP BY TraceId;


-- 0002 logs
CREATE TABLE IF NOT EXISTS otlp_logs
(
    resource_logs Array(Tuple(
        resource Tuple(attributes Array(Tuple(key String, value String)), dropped_attributes_count UInt32),
        scope_logs Array(Tuple(
            scope Tuple(name String, version String, attributes Array(Tuple(key String, value String)), dropped_attributes_count UInt32),
            log_records Array(Tuple(
                time_unix_nano UInt64,
                severity_number Int32,
                severity_text String,
                body String,
                attributes Array(Tuple(key String, value String)),
                dropped_attributes_count UInt32,
                flags UInt32,
                trace_id String,
                span_id String,
                observed_time_unix_nano UInt64,
                event_name String)),
            schema_url String)),
        schema_url String)),
    rootspan_tenant String
)
ENGINE = Null;

CREATE TABLE IF NOT EXISTS otel_logs
(
    Timestamp DateTime64(9) CODEC(Delta, ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    TraceFlags UInt8,
    SeverityText LowCardinality(String) CODEC(ZSTD(1)),
    SeverityNumber UInt8,
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    Body String CODEC(ZSTD(1)),
    ResourceSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion LowCardinality(String) CODEC(ZSTD(1)),
    ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    LogAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    EventName String CODEC(ZSTD(1)),

    -- Older Grafana data sources ask for this name.
    TimestampTime DateTime ALIAS toDateTime(Timestamp),
    -- Beyond the exporter's columns. Severity is one of TRACE, DEBUG, INFO, WARN, ERROR, FATAL, or empty when unknown.
    Severity LowCardinality(String) DEFAULT multiIf(
        SeverityNumber > 0, ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'][intDiv(least(SeverityNumber, 24) - 1, 4) + 1],
        upper(SeverityText) = 'WARNING', 'WARN',
        upper(SeverityText) IN ('CRITICAL', 'PANIC', 'EMERGENCY', 'ALERT'), 'FATAL',
        upper(SeverityText) = 'ERR', 'ERROR',
        upper(SeverityText)) CODEC(ZSTD(1)),
    HostName LowCardinality(String) DEFAULT ResourceAttributes['host.name'] CODEC(ZSTD(1)),
    Region LowCardinality(String) DEFAULT ResourceAttributes['cloud.region'] CODEC(ZSTD(1)),
    ObservedTimestamp DateTime64(9) DEFAULT Timestamp CODEC(Delta, ZSTD(1)),
    DroppedAttributes UInt32 CODEC(ZSTD(1)),
    -- Whose it is, by the word of a collector that knows tenants.
    Tenant LowCardinality(String) CODEC(ZSTD(1)),
    InsertedAt DateTime DEFAULT now() CODEC(Delta, ZSTD(1)),
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_body Body TYPE tokenbf_v1(32768, 3, 0) GRANULARITY 8
)
ENGINE = MergeTree
PARTITION BY toDate(Timestamp)
ORDER BY (toStartOfFiveMinutes(Timestamp), ServiceName, Timestamp)
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_logs_to_records TO otel_logs AS
WITH
    x -> bitOr(bitAnd(x, 0x007f007f007f007f), bitShiftRight(bitAnd(x, 0x7f007f007f007f00), 1)) AS otlp_join_7,
x -> bitOr(bitAnd(x, 0x00003fff00003fff), bitShiftRight(bitAnd(x, 0x3fff00003fff0000), 2)) AS otlp_join_14,
x -> bitOr(bitAnd(x, 0x000000000fffffff), bitShiftRight(bitAnd(x, 0x0fffffff00000000), 4)) AS otlp_join_28,
v -> reinterpretAsInt64(arraySum(
    i -> bitShiftLeft(bitAnd(reinterpretAsUInt64(substring(v, i + 1, 1)), 127), 7 * (i - 1)),
    range(1, toUInt64(least(length(v), 11))))) AS otlp_int,
v -> substring(v, 3 + (length(v) > 129) + (length(v) > 16386) + (length(v) > 2097155) + (length(v) > 268435460)) AS otlp_rest,
v -> multiIf(
    startsWith(v, '\x0A'), toJSONString(otlp_rest(v)),
    startsWith(v, '\x18'), toString(otlp_int(v)),
    startsWith(v, '\x21'), toJSONString(reinterpretAsFloat64(substring(v, 2))),
    startsWith(v, '\x10'), if(endsWith(v, '\0'), 'false', 'true'),
    v = '', 'null',
    toJSONString(base64Encode(otlp_rest(v)))) AS otlp_leaf_json,
(b, p) -> reinterpretAsUInt64(substring(b, p + 2, 4)) AS otlp_after_tag,
w -> 1 + (bitAnd(w, 0x80) = 0x80) + (bitAnd(w, 0x8080) = 0x8080) + (bitAnd(w, 0x808080) = 0x808080) AS otlp_size,
(w, n) -> otlp_join_14(otlp_join_7(bitAnd(bitAnd(w, 0x7f7f7f7f), toUInt64(bitShiftLeft(toUInt64(1), 8 * n) - 1)))) AS otlp_length,
b -> arrayFold(
    (begun, steps) -> arrayFold(
        (state, step) -> if(
            state.1 < length(b),
            arrayMap(
                (w, n) -> arrayMap(
                    (start, size) -> (start + size, arrayPushBack(state.2, (start, size))),
                    [state.1 + 1 + n], [otlp_length(w, n)])[1],
                [otlp_after_tag(b, state.1)], [otlp_size(otlp_after_tag(b, state.1))])[1],
            state),
        range(if(begun.1 < length(b) AND length(b) <= 65536, least(steps, 4096), 0)),
        begun),
    [4 + intDiv(length(b), 32), intDiv(length(b), 8), intDiv(length(b), 2)],
    (toUInt64(0), CAST([], 'Array(Tuple(UInt64, UInt64))'))) AS otlp_fields,
v -> arrayMap(
    (b, pairs) -> arrayMap(
        walked -> if(
            walked.1 = length(b),
            concat(
                if(pairs, '{', '['),
                arrayStringConcat(
                    arrayMap(
                        (key, value) -> concat(if(pairs, concat(toJSONString(key), ':'), ''), otlp_leaf_json(value)),
                        arrayMap(item -> if(startsWith(item.1, '\x0A'), substring(item.1, item.2 + 2, item.3), ''), walked.3),
                        arrayMap(
                            item -> if(
                                pairs,
                                otlp_rest(substring(item.1, if(startsWith(item.1, '\x0A'), item.2 + item.3 + 2, 1))),
                                item.1),
                            walked.3)),
                    ','),
                if(pairs, '}', ']')),
            base64Encode(b)),
        arrayMap(
            walked -> (walked.1, walked.2, arrayMap(
                (item, w, n) -> (item, n, otlp_length(w, n)),
                arrayMap(field -> substring(b, field.1 + 1, field.2), walked.2),
                arrayMap(field -> otlp_after_tag(b, field.1), walked.2),
                arrayMap(field -> otlp_size(otlp_after_tag(b, field.1)), walked.2))),
            [otlp_fields(b)]))[1],
    [otlp_rest(v)], [startsWith(v, '\x32')])[1] AS otlp_list_json,
(v, tag, small) -> multiIf(
    reinterpretAsUInt16(v) = length(v) * 256 - 502, substring(v, 3),
    tag = 24 AND length(v) <= 8, toString(small),
    tag = 33, toString(reinterpretAsFloat64(substring(v, 2))),
    tag = 16, if(endsWith(v, '\0'), 'false', 'true'),
    tag = 24, toString(otlp_int(v)),
    v = '', '',
    tag = 10, otlp_rest(v),
    tag = 42 OR tag = 50, otlp_list_json(v),
    base64Encode(otlp_rest(v))) AS otlp_text,
values -> arrayMap(
    (v, tag, small) -> otlp_text(v, tag, small),
    values,
    arrayMap(v -> reinterpretAsUInt8(v), values),
    arrayMap(x -> otlp_join_28(x), arrayMap(x -> otlp_join_14(x), arrayMap(x -> otlp_join_7(x), arrayMap(
        v -> bitAnd(bitShiftRight(reinterpretAsUInt64(v), 8), 0x007f7f7f7f7f7f7f), values))))) AS otlp_texts,
a -> mapSort(mapFromArrays(a.key, otlp_texts(a.value))) AS otlp_map
SELECT
    fromUnixTimestamp64Nano(toInt64(least(
        if(record.time_unix_nano > 0, record.time_unix_nano, record.observed_time_unix_nano),
        9223372036854775807))) AS Timestamp,
    lower(hex(record.trace_id)) AS TraceId,
    lower(hex(record.span_id)) AS SpanId,
    toUInt8(bitAnd(record.flags, 255)) AS TraceFlags,
    record.severity_text AS SeverityText,
    toUInt8(greatest(0, least(record.severity_number, 24))) AS SeverityNumber,
    resource_map['service.name'] AS ServiceName,
    otlp_texts([record.body])[1] AS Body,
    resource_schema_url AS ResourceSchemaUrl,
    resource_map AS ResourceAttributes,
    scope_schema_url AS ScopeSchemaUrl,
    scope_name AS ScopeName,
    scope_version AS ScopeVersion,
    scope_map AS ScopeAttributes,
    otlp_map(record.attributes) AS LogAttributes,
    record.event_name AS EventName,
    resource_map['host.name'] AS HostName,
    resource_map['cloud.region'] AS Region,
    fromUnixTimestamp64Nano(toInt64(least(
        if(record.observed_time_unix_nano > 0, record.observed_time_unix_nano, record.time_unix_nano),
        9223372036854775807))) AS ObservedTimestamp,
    record.dropped_attributes_count AS DroppedAttributes,
    tenant AS Tenant,
    now() AS InsertedAt
FROM
(
    SELECT
        arrayMap(a -> otlp_map(a), [resource.attributes, scope.scope.attributes]) AS maps,
        maps[1] AS resource_map,
        maps[2] AS scope_map,
        resource_schema_url,
        scope.scope.name AS scope_name,
        scope.scope.version AS scope_version,
        scope.schema_url AS scope_schema_url,
        scope.log_records AS records,
        tenant
    FROM
    (
        SELECT
            r.resource AS resource, r.schema_url AS resource_schema_url, r.scope_logs AS scopes, rootspan_tenant AS tenant
        FROM otlp_logs
        ARRAY JOIN resource_logs AS r
    )
    ARRAY JOIN scopes AS scope
)
ARRAY JOIN records AS record;


-- 0003 metrics
CREATE TABLE IF NOT EXISTS otlp_metrics
(
    resource_metrics Array(Tuple(
        resource Tuple(attributes Array(Tuple(key String, value String)), dropped_attributes_count UInt32),
        scope_metrics Array(Tuple(
            scope Tuple(name String, version String, attributes Array(Tuple(key String, value String)), dropped_attributes_count UInt32),
            metrics Array(Tuple(
                name String,
                description String,
                unit String,
                gauge Tuple(data_points Array(Tuple(start_time_unix_nano UInt64, time_unix_nano UInt64, as_double Float64, as_int Int64, value Enum8('none' = 0, 'as_double' = 4, 'as_int' = 6), exemplars Array(Tuple(time_unix_nano UInt64, as_double Float64, as_int Int64, value Enum8('none' = 0, 'as_double' = 3, 'as_int' = 6), span_id String, trace_id String, filtered_attributes Array(Tuple(key String, value String)))), attributes Array(Tuple(key String, value String)), flags UInt32))),
sum Tuple(data_points Array(Tuple(start_time_unix_nano UInt64, time_unix_nano UInt64, as_double Float64, as_int Int64, value Enum8('none' = 0, 'as_double' = 4, 'as_int' = 6), exemplars Array(Tuple(time_unix_nano UInt64, as_double Float64, as_int Int64, value Enum8('none' = 0, 'as_double' = 3, 'as_int' = 6), span_id String, trace_id String, filtered_attributes Array(Tuple(key String, value String)))), attributes Array(Tuple(key String, value String)), flags UInt32)), aggregation_temporality Int32, is_monotonic Bool),
histogram Tuple(
    data_points Array(Tuple(
        start_time_unix_nano UInt64,
        time_unix_nano UInt64,
        count UInt64,
        sum Float64,
        bucket_counts Array(UInt64),
        explicit_bounds Array(Float64),
        exemplars Array(Tuple(time_unix_nano UInt64, as_double Float64, as_int Int64, value Enum8('none' = 0, 'as_double' = 3, 'as_int' = 6), span_id String, trace_id String, filtered_attributes Array(Tuple(key String, value String)))),
        attributes Array(Tuple(key String, value String)),
        flags UInt32,
        min Float64,
        max Float64)),
    aggregation_temporality Int32),
exponential_histogram Tuple(
    data_points Array(Tuple(
        attributes Array(Tuple(key String, value String)),
        start_time_unix_nano UInt64,
        time_unix_nano UInt64,
        count UInt64,
        sum Float64,
        scale Int32,
        zero_count UInt64,
        positive Tuple(offset Int32, bucket_counts Array(UInt64)),
        negative Tuple(offset Int32, bucket_counts Array(UInt64)),
        flags UInt32,
        exemplars Array(Tuple(time_unix_nano UInt64, as_double Float64, as_int Int64, value Enum8('none' = 0, 'as_double' = 3, 'as_int' = 6), span_id String, trace_id String, filtered_attributes Array(Tuple(key String, value String)))),
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
        attributes Array(Tuple(key String, value String)),
        flags UInt32))),
                metadata Array(Tuple(key String, value String)))),
            schema_url String)),
        schema_url String)),
    rootspan_tenant String
)
ENGINE = Null;

CREATE TABLE IF NOT EXISTS otlp_metric
(
    ResourceAttributes Map(LowCardinality(String), String),
    ResourceSchemaUrl LowCardinality(String),
    ScopeName String,
    ScopeVersion LowCardinality(String),
    ScopeAttributes Map(LowCardinality(String), String),
    ScopeDroppedAttrCount UInt32,
    ScopeSchemaUrl LowCardinality(String),
    ServiceName LowCardinality(String),
    MetricName LowCardinality(String),
    MetricDescription LowCardinality(String),
    MetricUnit LowCardinality(String),
    HostName LowCardinality(String),
    Region LowCardinality(String),
    MetricMetadata Map(LowCardinality(String), String),
    Tenant LowCardinality(String),
    gauge Tuple(data_points Array(Tuple(start_time_unix_nano UInt64, time_unix_nano UInt64, as_double Float64, as_int Int64, value Enum8('none' = 0, 'as_double' = 4, 'as_int' = 6), exemplars Array(Tuple(time_unix_nano UInt64, as_double Float64, as_int Int64, value Enum8('none' = 0, 'as_double' = 3, 'as_int' = 6), span_id String, trace_id String, filtered_attributes Array(Tuple(key String, value String)))), attributes Array(Tuple(key String, value String)), flags UInt32))),
sum Tuple(data_points Array(Tuple(start_time_unix_nano UInt64, time_unix_nano UInt64, as_double Float64, as_int Int64, value Enum8('none' = 0, 'as_double' = 4, 'as_int' = 6), exemplars Array(Tuple(time_unix_nano UInt64, as_double Float64, as_int Int64, value Enum8('none' = 0, 'as_double' = 3, 'as_int' = 6), span_id String, trace_id String, filtered_attributes Array(Tuple(key String, value String)))), attributes Array(Tuple(key String, value String)), flags UInt32)), aggregation_temporality Int32, is_monotonic Bool),
histogram Tuple(
    data_points Array(Tuple(
        start_time_unix_nano UInt64,
        time_unix_nano UInt64,
        count UInt64,
        sum Float64,
        bucket_counts Array(UInt64),
        explicit_bounds Array(Float64),
        exemplars Array(Tuple(time_unix_nano UInt64, as_double Float64, as_int Int64, value Enum8('none' = 0, 'as_double' = 3, 'as_int' = 6), span_id String, trace_id String, filtered_attributes Array(Tuple(key String, value String)))),
        attributes Array(Tuple(key String, value String)),
        flags UInt32,
        min Float64,
        max Float64)),
    aggregation_temporality Int32),
exponential_histogram Tuple(
    data_points Array(Tuple(
        attributes Array(Tuple(key String, value String)),
        start_time_unix_nano UInt64,
        time_unix_nano UInt64,
        count UInt64,
        sum Float64,
        scale Int32,
        zero_count UInt64,
        positive Tuple(offset Int32, bucket_counts Array(UInt64)),
        negative Tuple(offset Int32, bucket_counts Array(UInt64)),
        flags UInt32,
        exemplars Array(Tuple(time_unix_nano UInt64, as_double Float64, as_int Int64, value Enum8('none' = 0, 'as_double' = 3, 'as_int' = 6), span_id String, trace_id String, filtered_attributes Array(Tuple(key String, value String)))),
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
        attributes Array(Tuple(key String, value String)),
        flags UInt32)))
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_metrics_to_metric TO otlp_metric AS
WITH
    x -> bitOr(bitAnd(x, 0x007f007f007f007f), bitShiftRight(bitAnd(x, 0x7f007f007f007f00), 1)) AS otlp_join_7,
x -> bitOr(bitAnd(x, 0x00003fff00003fff), bitShiftRight(bitAnd(x, 0x3fff00003fff0000), 2)) AS otlp_join_14,
x -> bitOr(bitAnd(x, 0x000000000fffffff), bitShiftRight(bitAnd(x, 0x0fffffff00000000), 4)) AS otlp_join_28,
v -> reinterpretAsInt64(arraySum(
    i -> bitShiftLeft(bitAnd(reinterpretAsUInt64(substring(v, i + 1, 1)), 127), 7 * (i - 1)),
    range(1, toUInt64(least(length(v), 11))))) AS otlp_int,
v -> substring(v, 3 + (length(v) > 129) + (length(v) > 16386) + (length(v) > 2097155) + (length(v) > 268435460)) AS otlp_rest,
v -> multiIf(
    startsWith(v, '\x0A'), toJSONString(otlp_rest(v)),
    startsWith(v, '\x18'), toString(otlp_int(v)),
    startsWith(v, '\x21'), toJSONString(reinterpretAsFloat64(substring(v, 2))),
    startsWith(v, '\x10'), if(endsWith(v, '\0'), 'false', 'true'),
    v = '', 'null',
    toJSONString(base64Encode(otlp_rest(v)))) AS otlp_leaf_json,
(b, p) -> reinterpretAsUInt64(substring(b, p + 2, 4)) AS otlp_after_tag,
w -> 1 + (bitAnd(w, 0x80) = 0x80) + (bitAnd(w, 0x8080) = 0x8080) + (bitAnd(w, 0x808080) = 0x808080) AS otlp_size,
(w, n) -> otlp_join_14(otlp_join_7(bitAnd(bitAnd(w, 0x7f7f7f7f), toUInt64(bitShiftLeft(toUInt64(1), 8 * n) - 1)))) AS otlp_length,
b -> arrayFold(
    (begun, steps) -> arrayFold(
        (state, step) -> if(
            state.1 < length(b),
            arrayMap(
                (w, n) -> arrayMap(
                    (start, size) -> (start + size, arrayPushBack(state.2, (start, size))),
                    [state.1 + 1 + n], [otlp_length(w, n)])[1],
                [otlp_after_tag(b, state.1)], [otlp_size(otlp_after_tag(b, state.1))])[1],
            state),
        range(if(begun.1 < length(b) AND length(b) <= 65536, least(steps, 4096), 0)),
        begun),
    [4 + intDiv(length(b), 32), intDiv(length(b), 8), intDiv(length(b), 2)],
    (toUInt64(0), CAST([], 'Array(Tuple(UInt64, UInt64))'))) AS otlp_fields,
v -> arrayMap(
    (b, pairs) -> arrayMap(
        walked -> if(
            walked.1 = length(b),
            concat(
                if(pairs, '{', '['),
                arrayStringConcat(
                    arrayMap(
                        (key, value) -> concat(if(pairs, concat(toJSONString(key), ':'), ''), otlp_leaf_json(value)),
                        arrayMap(item -> if(startsWith(item.1, '\x0A'), substring(item.1, item.2 + 2, item.3), ''), walked.3),
                        arrayMap(
                            item -> if(
                                pairs,
                                otlp_rest(substring(item.1, if(startsWith(item.1, '\x0A'), item.2 + item.3 + 2, 1))),
                                item.1),
                            walked.3)),
                    ','),
                if(pairs, '}', ']')),
            base64Encode(b)),
        arrayMap(
            walked -> (walked.1, walked.2, arrayMap(
                (item, w, n) -> (item, n, otlp_length(w, n)),
                arrayMap(field -> substring(b, field.1 + 1, field.2), walked.2),
                arrayMap(field -> otlp_after_tag(b, field.1), walked.2),
                arrayMap(field -> otlp_size(otlp_after_tag(b, field.1)), walked.2))),
            [otlp_fields(b)]))[1],
    [otlp_rest(v)], [startsWith(v, '\x32')])[1] AS otlp_list_json,
(v, tag, small) -> multiIf(
    reinterpretAsUInt16(v) = length(v) * 256 - 502, substring(v, 3),
    tag = 24 AND length(v) <= 8, toString(small),
    tag = 33, toString(reinterpretAsFloat64(substring(v, 2))),
    tag = 16, if(endsWith(v, '\0'), 'false', 'true'),
    tag = 24, toString(otlp_int(v)),
    v = '', '',
    tag = 10, otlp_rest(v),
    tag = 42 OR tag = 50, otlp_list_json(v),
    base64Encode(otlp_rest(v))) AS otlp_text,
values -> arrayMap(
    (v, tag, small) -> otlp_text(v, tag, small),
    values,
    arrayMap(v -> reinterpretAsUInt8(v), values),
    arrayMap(x -> otlp_join_28(x), arrayMap(x -> otlp_join_14(x), arrayMap(x -> otlp_join_7(x), arrayMap(
        v -> bitAnd(bitShiftRight(reinterpretAsUInt64(v), 8), 0x007f7f7f7f7f7f7f), values))))) AS otlp_texts,
a -> mapSort(mapFromArrays(a.key, otlp_texts(a.value))) AS otlp_map,
    -- Together, because each use of otlp_map costs every insert a hundredth of a second.
    arrayMap(a -> otlp_map(a), [resource.attributes, scope.scope.attributes, metric.metadata]) AS maps
SELECT
    maps[1] AS ResourceAttributes,
    resource_schema_url AS ResourceSchemaUrl,
    scope.scope.name AS ScopeName,
    scope.scope.version AS ScopeVersion,
    maps[2] AS ScopeAttributes,
    scope.scope.dropped_attributes_count AS ScopeDroppedAttrCount,
    scope.schema_url AS ScopeSchemaUrl,
    ResourceAttributes['service.name'] AS ServiceName,
    metric.name AS MetricName,
    metric.description AS MetricDescription,
    metric.unit AS MetricUnit,
    ResourceAttributes['host.name'] AS HostName,
    ResourceAttributes['cloud.region'] AS Region,
    maps[3] AS MetricMetadata,
    tenant AS Tenant,
    metric.gauge AS gauge,
    metric.sum AS sum,
    metric.histogram AS histogram,
    metric.exponential_histogram AS exponential_histogram,
    metric.summary AS summary
FROM
(
    SELECT
        r.resource AS resource, r.schema_url AS resource_schema_url, r.scope_metrics AS scopes, rootspan_tenant AS tenant
    FROM otlp_metrics
    ARRAY JOIN resource_metrics AS r
)
ARRAY JOIN scopes AS scope
ARRAY JOIN scope.metrics AS metric;

CREATE TABLE IF NOT EXISTS otel_metrics_gauge
(
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ResourceSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion LowCardinality(String) CODEC(ZSTD(1)),
    ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeDroppedAttrCount UInt32 CODEC(ZSTD(1)),
    ScopeSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    MetricName LowCardinality(String) CODEC(ZSTD(1)),
    MetricDescription LowCardinality(String) CODEC(ZSTD(1)),
    MetricUnit LowCardinality(String) CODEC(ZSTD(1)),
    Attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    StartTimeUnix DateTime64(9) CODEC(Delta, ZSTD(1)),
    TimeUnix DateTime64(9) CODEC(Delta, ZSTD(1)),
    Value Float64 CODEC(ZSTD(1)),
    Exemplars Nested(
        FilteredAttributes Map(LowCardinality(String), String),
        TimeUnix DateTime64(9),
        Value Float64,
        SpanId String,
        TraceId String) CODEC(ZSTD(1)),
    Flags UInt32 CODEC(ZSTD(1)),
    HostName LowCardinality(String) DEFAULT ResourceAttributes['host.name'] CODEC(ZSTD(1)),
    Region LowCardinality(String) DEFAULT ResourceAttributes['cloud.region'] CODEC(ZSTD(1)),
    MetricMetadata Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    Tenant LowCardinality(String) CODEC(ZSTD(1)),
    InsertedAt DateTime DEFAULT now() CODEC(Delta, ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(TimeUnix)
ORDER BY (ServiceName, MetricName, HostName, TimeUnix)
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_metrics_to_gauge TO otel_metrics_gauge AS
WITH
    x -> bitOr(bitAnd(x, 0x007f007f007f007f), bitShiftRight(bitAnd(x, 0x7f007f007f007f00), 1)) AS otlp_join_7,
x -> bitOr(bitAnd(x, 0x00003fff00003fff), bitShiftRight(bitAnd(x, 0x3fff00003fff0000), 2)) AS otlp_join_14,
x -> bitOr(bitAnd(x, 0x000000000fffffff), bitShiftRight(bitAnd(x, 0x0fffffff00000000), 4)) AS otlp_join_28,
v -> reinterpretAsInt64(arraySum(
    i -> bitShiftLeft(bitAnd(reinterpretAsUInt64(substring(v, i + 1, 1)), 127), 7 * (i - 1)),
    range(1, toUInt64(least(length(v), 11))))) AS otlp_int,
v -> substring(v, 3 + (length(v) > 129) + (length(v) > 16386) + (length(v) > 2097155) + (length(v) > 268435460)) AS otlp_rest,
v -> multiIf(
    startsWith(v, '\x0A'), toJSONString(otlp_rest(v)),
    startsWith(v, '\x18'), toString(otlp_int(v)),
    startsWith(v, '\x21'), toJSONString(reinterpretAsFloat64(substring(v, 2))),
    startsWith(v, '\x10'), if(endsWith(v, '\0'), 'false', 'true'),
    v = '', 'null',
    toJSONString(base64Encode(otlp_rest(v)))) AS otlp_leaf_json,
(b, p) -> reinterpretAsUInt64(substring(b, p + 2, 4)) AS otlp_after_tag,
w -> 1 + (bitAnd(w, 0x80) = 0x80) + (bitAnd(w, 0x8080) = 0x8080) + (bitAnd(w, 0x808080) = 0x808080) AS otlp_size,
(w, n) -> otlp_join_14(otlp_join_7(bitAnd(bitAnd(w, 0x7f7f7f7f), toUInt64(bitShiftLeft(toUInt64(1), 8 * n) - 1)))) AS otlp_length,
b -> arrayFold(
    (begun, steps) -> arrayFold(
        (state, step) -> if(
            state.1 < length(b),
            arrayMap(
                (w, n) -> arrayMap(
                    (start, size) -> (start + size, arrayPushBack(state.2, (start, size))),
                    [state.1 + 1 + n], [otlp_length(w, n)])[1],
                [otlp_after_tag(b, state.1)], [otlp_size(otlp_after_tag(b, state.1))])[1],
            state),
        range(if(begun.1 < length(b) AND length(b) <= 65536, least(steps, 4096), 0)),
        begun),
    [4 + intDiv(length(b), 32), intDiv(length(b), 8), intDiv(length(b), 2)],
    (toUInt64(0), CAST([], 'Array(Tuple(UInt64, UInt64))'))) AS otlp_fields,
v -> arrayMap(
    (b, pairs) -> arrayMap(
        walked -> if(
            walked.1 = length(b),
            concat(
                if(pairs, '{', '['),
                arrayStringConcat(
                    arrayMap(
                        (key, value) -> concat(if(pairs, concat(toJSONString(key), ':'), ''), otlp_leaf_json(value)),
                        arrayMap(item -> if(startsWith(item.1, '\x0A'), substring(item.1, item.2 + 2, item.3), ''), walked.3),
                        arrayMap(
                            item -> if(
                                pairs,
                                otlp_rest(substring(item.1, if(startsWith(item.1, '\x0A'), item.2 + item.3 + 2, 1))),
                                item.1),
                            walked.3)),
                    ','),
                if(pairs, '}', ']')),
            base64Encode(b)),
        arrayMap(
            walked -> (walked.1, walked.2, arrayMap(
                (item, w, n) -> (item, n, otlp_length(w, n)),
                arrayMap(field -> substring(b, field.1 + 1, field.2), walked.2),
                arrayMap(field -> otlp_after_tag(b, field.1), walked.2),
                arrayMap(field -> otlp_size(otlp_after_tag(b, field.1)), walked.2))),
            [otlp_fields(b)]))[1],
    [otlp_rest(v)], [startsWith(v, '\x32')])[1] AS otlp_list_json,
(v, tag, small) -> multiIf(
    reinterpretAsUInt16(v) = length(v) * 256 - 502, substring(v, 3),
    tag = 24 AND length(v) <= 8, toString(small),
    tag = 33, toString(reinterpretAsFloat64(substring(v, 2))),
    tag = 16, if(endsWith(v, '\0'), 'false', 'true'),
    tag = 24, toString(otlp_int(v)),
    v = '', '',
    tag = 10, otlp_rest(v),
    tag = 42 OR tag = 50, otlp_list_json(v),
    base64Encode(otlp_rest(v))) AS otlp_text,
values -> arrayMap(
    (v, tag, small) -> otlp_text(v, tag, small),
    values,
    arrayMap(v -> reinterpretAsUInt8(v), values),
    arrayMap(x -> otlp_join_28(x), arrayMap(x -> otlp_join_14(x), arrayMap(x -> otlp_join_7(x), arrayMap(
        v -> bitAnd(bitShiftRight(reinterpretAsUInt64(v), 8), 0x007f7f7f7f7f7f7f), values))))) AS otlp_texts,
a -> mapSort(mapFromArrays(a.key, otlp_texts(a.value))) AS otlp_map,
    arrayMap(a -> otlp_map(a), arrayConcat([point.attributes], point.exemplars.filtered_attributes)) AS maps
SELECT
    ResourceAttributes, ResourceSchemaUrl, ScopeName, ScopeVersion, ScopeAttributes, ScopeDroppedAttrCount, ScopeSchemaUrl,
    ServiceName, MetricName, MetricDescription, MetricUnit, HostName, Region, MetricMetadata, Tenant, now() AS InsertedAt,
    maps[1] AS Attributes,
    fromUnixTimestamp64Nano(toInt64(point.start_time_unix_nano)) AS StartTimeUnix,
    fromUnixTimestamp64Nano(toInt64(point.time_unix_nano)) AS TimeUnix,
    if(point.value = 'as_int', toFloat64(point.as_int), point.as_double) AS Value,
    arraySlice(maps, 2) AS `Exemplars.FilteredAttributes`,
    arrayMap(t -> fromUnixTimestamp64Nano(toInt64(t)), point.exemplars.time_unix_nano) AS `Exemplars.TimeUnix`,
    arrayMap(
        (kind, d, i) -> if(kind = 'as_int', toFloat64(i), d),
        point.exemplars.value, point.exemplars.as_double, point.exemplars.as_int) AS `Exemplars.Value`,
    arrayMap(x -> lower(hex(x)), point.exemplars.span_id) AS `Exemplars.SpanId`,
    arrayMap(x -> lower(hex(x)), point.exemplars.trace_id) AS `Exemplars.TraceId`,
    point.flags AS Flags
FROM otlp_metric
ARRAY JOIN gauge.data_points AS point;

CREATE TABLE IF NOT EXISTS otel_metrics_sum
(
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ResourceSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion LowCardinality(String) CODEC(ZSTD(1)),
    ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeDroppedAttrCount UInt32 CODEC(ZSTD(1)),
    ScopeSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    MetricName LowCardinality(String) CODEC(ZSTD(1)),
    MetricDescription LowCardinality(String) CODEC(ZSTD(1)),
    MetricUnit LowCardinality(String) CODEC(ZSTD(1)),
    Attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    StartTimeUnix DateTime64(9) CODEC(Delta, ZSTD(1)),
    TimeUnix DateTime64(9) CODEC(Delta, ZSTD(1)),
    Value Float64 CODEC(ZSTD(1)),
    AggregationTemporality Int32 CODEC(ZSTD(1)),
    IsMonotonic Bool CODEC(ZSTD(1)),
    Exemplars Nested(
        FilteredAttributes Map(LowCardinality(String), String),
        TimeUnix DateTime64(9),
        Value Float64,
        SpanId String,
        TraceId String) CODEC(ZSTD(1)),
    Flags UInt32 CODEC(ZSTD(1)),
    HostName LowCardinality(String) DEFAULT ResourceAttributes['host.name'] CODEC(ZSTD(1)),
    Region LowCardinality(String) DEFAULT ResourceAttributes['cloud.region'] CODEC(ZSTD(1)),
    MetricMetadata Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    Tenant LowCardinality(String) CODEC(ZSTD(1)),
    InsertedAt DateTime DEFAULT now() CODEC(Delta, ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(TimeUnix)
ORDER BY (ServiceName, MetricName, HostName, TimeUnix)
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_metrics_to_sum TO otel_metrics_sum AS
WITH
    x -> bitOr(bitAnd(x, 0x007f007f007f007f), bitShiftRight(bitAnd(x, 0x7f007f007f007f00), 1)) AS otlp_join_7,
x -> bitOr(bitAnd(x, 0x00003fff00003fff), bitShiftRight(bitAnd(x, 0x3fff00003fff0000), 2)) AS otlp_join_14,
x -> bitOr(bitAnd(x, 0x000000000fffffff), bitShiftRight(bitAnd(x, 0x0fffffff00000000), 4)) AS otlp_join_28,
v -> reinterpretAsInt64(arraySum(
    i -> bitShiftLeft(bitAnd(reinterpretAsUInt64(substring(v, i + 1, 1)), 127), 7 * (i - 1)),
    range(1, toUInt64(least(length(v), 11))))) AS otlp_int,
v -> substring(v, 3 + (length(v) > 129) + (length(v) > 16386) + (length(v) > 2097155) + (length(v) > 268435460)) AS otlp_rest,
v -> multiIf(
    startsWith(v, '\x0A'), toJSONString(otlp_rest(v)),
    startsWith(v, '\x18'), toString(otlp_int(v)),
    startsWith(v, '\x21'), toJSONString(reinterpretAsFloat64(substring(v, 2))),
    startsWith(v, '\x10'), if(endsWith(v, '\0'), 'false', 'true'),
    v = '', 'null',
    toJSONString(base64Encode(otlp_rest(v)))) AS otlp_leaf_json,
(b, p) -> reinterpretAsUInt64(substring(b, p + 2, 4)) AS otlp_after_tag,
w -> 1 + (bitAnd(w, 0x80) = 0x80) + (bitAnd(w, 0x8080) = 0x8080) + (bitAnd(w, 0x808080) = 0x808080) AS otlp_size,
(w, n) -> otlp_join_14(otlp_join_7(bitAnd(bitAnd(w, 0x7f7f7f7f), toUInt64(bitShiftLeft(toUInt64(1), 8 * n) - 1)))) AS otlp_length,
b -> arrayFold(
    (begun, steps) -> arrayFold(
        (state, step) -> if(
            state.1 < length(b),
            arrayMap(
                (w, n) -> arrayMap(
                    (start, size) -> (start + size, arrayPushBack(state.2, (start, size))),
                    [state.1 + 1 + n], [otlp_length(w, n)])[1],
                [otlp_after_tag(b, state.1)], [otlp_size(otlp_after_tag(b, state.1))])[1],
            state),
        range(if(begun.1 < length(b) AND length(b) <= 65536, least(steps, 4096), 0)),
        begun),
    [4 + intDiv(length(b), 32), intDiv(length(b), 8), intDiv(length(b), 2)],
    (toUInt64(0), CAST([], 'Array(Tuple(UInt64, UInt64))'))) AS otlp_fields,
v -> arrayMap(
    (b, pairs) -> arrayMap(
        walked -> if(
            walked.1 = length(b),
            concat(
                if(pairs, '{', '['),
                arrayStringConcat(
                    arrayMap(
                        (key, value) -> concat(if(pairs, concat(toJSONString(key), ':'), ''), otlp_leaf_json(value)),
                        arrayMap(item -> if(startsWith(item.1, '\x0A'), substring(item.1, item.2 + 2, item.3), ''), walked.3),
                        arrayMap(
                            item -> if(
                                pairs,
                                otlp_rest(substring(item.1, if(startsWith(item.1, '\x0A'), item.2 + item.3 + 2, 1))),
                                item.1),
                            walked.3)),
                    ','),
                if(pairs, '}', ']')),
            base64Encode(b)),
        arrayMap(
            walked -> (walked.1, walked.2, arrayMap(
                (item, w, n) -> (item, n, otlp_length(w, n)),
                arrayMap(field -> substring(b, field.1 + 1, field.2), walked.2),
                arrayMap(field -> otlp_after_tag(b, field.1), walked.2),
                arrayMap(field -> otlp_size(otlp_after_tag(b, field.1)), walked.2))),
            [otlp_fields(b)]))[1],
    [otlp_rest(v)], [startsWith(v, '\x32')])[1] AS otlp_list_json,
(v, tag, small) -> multiIf(
    reinterpretAsUInt16(v) = length(v) * 256 - 502, substring(v, 3),
    tag = 24 AND length(v) <= 8, toString(small),
    tag = 33, toString(reinterpretAsFloat64(substring(v, 2))),
    tag = 16, if(endsWith(v, '\0'), 'false', 'true'),
    tag = 24, toString(otlp_int(v)),
    v = '', '',
    tag = 10, otlp_rest(v),
    tag = 42 OR tag = 50, otlp_list_json(v),
    base64Encode(otlp_rest(v))) AS otlp_text,
values -> arrayMap(
    (v, tag, small) -> otlp_text(v, tag, small),
    values,
    arrayMap(v -> reinterpretAsUInt8(v), values),
    arrayMap(x -> otlp_join_28(x), arrayMap(x -> otlp_join_14(x), arrayMap(x -> otlp_join_7(x), arrayMap(
        v -> bitAnd(bitShiftRight(reinterpretAsUInt64(v), 8), 0x007f7f7f7f7f7f7f), values))))) AS otlp_texts,
a -> mapSort(mapFromArrays(a.key, otlp_texts(a.value))) AS otlp_map,
    arrayMap(a -> otlp_map(a), arrayConcat([point.attributes], point.exemplars.filtered_attributes)) AS maps
SELECT
    ResourceAttributes, ResourceSchemaUrl, ScopeName, ScopeVersion, ScopeAttributes, ScopeDroppedAttrCount, ScopeSchemaUrl,
    ServiceName, MetricName, MetricDescription, MetricUnit, HostName, Region, MetricMetadata, Tenant, now() AS InsertedAt,
    maps[1] AS Attributes,
    fromUnixTimestamp64Nano(toInt64(point.start_time_unix_nano)) AS StartTimeUnix,
    fromUnixTimestamp64Nano(toInt64(point.time_unix_nano)) AS TimeUnix,
    if(point.value = 'as_int', toFloat64(point.as_int), point.as_double) AS Value,
    sum.aggregation_temporality AS AggregationTemporality,
    sum.is_monotonic AS IsMonotonic,
    arraySlice(maps, 2) AS `Exemplars.FilteredAttributes`,
    arrayMap(t -> fromUnixTimestamp64Nano(toInt64(t)), point.exemplars.time_unix_nano) AS `Exemplars.TimeUnix`,
    arrayMap(
        (kind, d, i) -> if(kind = 'as_int', toFloat64(i), d),
        point.exemplars.value, point.exemplars.as_double, point.exemplars.as_int) AS `Exemplars.Value`,
    arrayMap(x -> lower(hex(x)), point.exemplars.span_id) AS `Exemplars.SpanId`,
    arrayMap(x -> lower(hex(x)), point.exemplars.trace_id) AS `Exemplars.TraceId`,
    point.flags AS Flags
FROM otlp_metric
ARRAY JOIN sum.data_points AS point;

CREATE TABLE IF NOT EXISTS otel_metrics_histogram
(
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ResourceSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion LowCardinality(String) CODEC(ZSTD(1)),
    ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeDroppedAttrCount UInt32 CODEC(ZSTD(1)),
    ScopeSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    MetricName LowCardinality(String) CODEC(ZSTD(1)),
    MetricDescription LowCardinality(String) CODEC(ZSTD(1)),
    MetricUnit LowCardinality(String) CODEC(ZSTD(1)),
    Attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    StartTimeUnix DateTime64(9) CODEC(Delta, ZSTD(1)),
    TimeUnix DateTime64(9) CODEC(Delta, ZSTD(1)),
    Count UInt64 CODEC(ZSTD(1)),
    Sum Float64 CODEC(ZSTD(1)),
    BucketCounts Array(UInt64) CODEC(ZSTD(1)),
    ExplicitBounds Array(Float64) CODEC(ZSTD(1)),
    Min Float64 CODEC(ZSTD(1)),
    Max Float64 CODEC(ZSTD(1)),
    AggregationTemporality Int32 CODEC(ZSTD(1)),
    Exemplars Nested(
        FilteredAttributes Map(LowCardinality(String), String),
        TimeUnix DateTime64(9),
        Value Float64,
        SpanId String,
        TraceId String) CODEC(ZSTD(1)),
    Flags UInt32 CODEC(ZSTD(1)),
    HostName LowCardinality(String) DEFAULT ResourceAttributes['host.name'] CODEC(ZSTD(1)),
    Region LowCardinality(String) DEFAULT ResourceAttributes['cloud.region'] CODEC(ZSTD(1)),
    MetricMetadata Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    Tenant LowCardinality(String) CODEC(ZSTD(1)),
    InsertedAt DateTime DEFAULT now() CODEC(Delta, ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(TimeUnix)
ORDER BY (ServiceName, MetricName, HostName, TimeUnix)
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_metrics_to_histogram TO otel_metrics_histogram AS
WITH
    x -> bitOr(bitAnd(x, 0x007f007f007f007f), bitShiftRight(bitAnd(x, 0x7f007f007f007f00), 1)) AS otlp_join_7,
x -> bitOr(bitAnd(x, 0x00003fff00003fff), bitShiftRight(bitAnd(x, 0x3fff00003fff0000), 2)) AS otlp_join_14,
x -> bitOr(bitAnd(x, 0x000000000fffffff), bitShiftRight(bitAnd(x, 0x0fffffff00000000), 4)) AS otlp_join_28,
v -> reinterpretAsInt64(arraySum(
    i -> bitShiftLeft(bitAnd(reinterpretAsUInt64(substring(v, i + 1, 1)), 127), 7 * (i - 1)),
    range(1, toUInt64(least(length(v), 11))))) AS otlp_int,
v -> substring(v, 3 + (length(v) > 129) + (length(v) > 16386) + (length(v) > 2097155) + (length(v) > 268435460)) AS otlp_rest,
v -> multiIf(
    startsWith(v, '\x0A'), toJSONString(otlp_rest(v)),
    startsWith(v, '\x18'), toString(otlp_int(v)),
    startsWith(v, '\x21'), toJSONString(reinterpretAsFloat64(substring(v, 2))),
    startsWith(v, '\x10'), if(endsWith(v, '\0'), 'false', 'true'),
    v = '', 'null',
    toJSONString(base64Encode(otlp_rest(v)))) AS otlp_leaf_json,
(b, p) -> reinterpretAsUInt64(substring(b, p + 2, 4)) AS otlp_after_tag,
w -> 1 + (bitAnd(w, 0x80) = 0x80) + (bitAnd(w, 0x8080) = 0x8080) + (bitAnd(w, 0x808080) = 0x808080) AS otlp_size,
(w, n) -> otlp_join_14(otlp_join_7(bitAnd(bitAnd(w, 0x7f7f7f7f), toUInt64(bitShiftLeft(toUInt64(1), 8 * n) - 1)))) AS otlp_length,
b -> arrayFold(
    (begun, steps) -> arrayFold(
        (state, step) -> if(
            state.1 < length(b),
            arrayMap(
                (w, n) -> arrayMap(
                    (start, size) -> (start + size, arrayPushBack(state.2, (start, size))),
                    [state.1 + 1 + n], [otlp_length(w, n)])[1],
                [otlp_after_tag(b, state.1)], [otlp_size(otlp_after_tag(b, state.1))])[1],
            state),
        range(if(begun.1 < length(b) AND length(b) <= 65536, least(steps, 4096), 0)),
        begun),
    [4 + intDiv(length(b), 32), intDiv(length(b), 8), intDiv(length(b), 2)],
    (toUInt64(0), CAST([], 'Array(Tuple(UInt64, UInt64))'))) AS otlp_fields,
v -> arrayMap(
    (b, pairs) -> arrayMap(
        walked -> if(
            walked.1 = length(b),
            concat(
                if(pairs, '{', '['),
                arrayStringConcat(
                    arrayMap(
                        (key, value) -> concat(if(pairs, concat(toJSONString(key), ':'), ''), otlp_leaf_json(value)),
                        arrayMap(item -> if(startsWith(item.1, '\x0A'), substring(item.1, item.2 + 2, item.3), ''), walked.3),
                        arrayMap(
                            item -> if(
                                pairs,
                                otlp_rest(substring(item.1, if(startsWith(item.1, '\x0A'), item.2 + item.3 + 2, 1))),
                                item.1),
                            walked.3)),
                    ','),
                if(pairs, '}', ']')),
            base64Encode(b)),
        arrayMap(
            walked -> (walked.1, walked.2, arrayMap(
                (item, w, n) -> (item, n, otlp_length(w, n)),
                arrayMap(field -> substring(b, field.1 + 1, field.2), walked.2),
                arrayMap(field -> otlp_after_tag(b, field.1), walked.2),
                arrayMap(field -> otlp_size(otlp_after_tag(b, field.1)), walked.2))),
            [otlp_fields(b)]))[1],
    [otlp_rest(v)], [startsWith(v, '\x32')])[1] AS otlp_list_json,
(v, tag, small) -> multiIf(
    reinterpretAsUInt16(v) = length(v) * 256 - 502, substring(v, 3),
    tag = 24 AND length(v) <= 8, toString(small),
    tag = 33, toString(reinterpretAsFloat64(substring(v, 2))),
    tag = 16, if(endsWith(v, '\0'), 'false', 'true'),
    tag = 24, toString(otlp_int(v)),
    v = '', '',
    tag = 10, otlp_rest(v),
    tag = 42 OR tag = 50, otlp_list_json(v),
    base64Encode(otlp_rest(v))) AS otlp_text,
values -> arrayMap(
    (v, tag, small) -> otlp_text(v, tag, small),
    values,
    arrayMap(v -> reinterpretAsUInt8(v), values),
    arrayMap(x -> otlp_join_28(x), arrayMap(x -> otlp_join_14(x), arrayMap(x -> otlp_join_7(x), arrayMap(
        v -> bitAnd(bitShiftRight(reinterpretAsUInt64(v), 8), 0x007f7f7f7f7f7f7f), values))))) AS otlp_texts,
a -> mapSort(mapFromArrays(a.key, otlp_texts(a.value))) AS otlp_map,
    arrayMap(a -> otlp_map(a), arrayConcat([point.attributes], point.exemplars.filtered_attributes)) AS maps
SELECT
    ResourceAttributes, ResourceSchemaUrl, ScopeName, ScopeVersion, ScopeAttributes, ScopeDroppedAttrCount, ScopeSchemaUrl,
    ServiceName, MetricName, MetricDescription, MetricUnit, HostName, Region, MetricMetadata, Tenant, now() AS InsertedAt,
    maps[1] AS Attributes,
    fromUnixTimestamp64Nano(toInt64(point.start_time_unix_nano)) AS StartTimeUnix,
    fromUnixTimestamp64Nano(toInt64(point.time_unix_nano)) AS TimeUnix,
    point.count AS Count,
    point.sum AS Sum,
    point.bucket_counts AS BucketCounts,
    point.explicit_bounds AS ExplicitBounds,
    point.min AS Min,
    point.max AS Max,
    histogram.aggregation_temporality AS AggregationTemporality,
    arraySlice(maps, 2) AS `Exemplars.FilteredAttributes`,
    arrayMap(t -> fromUnixTimestamp64Nano(toInt64(t)), point.exemplars.time_unix_nano) AS `Exemplars.TimeUnix`,
    arrayMap(
        (kind, d, i) -> if(kind = 'as_int', toFloat64(i), d),
        point.exemplars.value, point.exemplars.as_double, point.exemplars.as_int) AS `Exemplars.Value`,
    arrayMap(x -> lower(hex(x)), point.exemplars.span_id) AS `Exemplars.SpanId`,
    arrayMap(x -> lower(hex(x)), point.exemplars.trace_id) AS `Exemplars.TraceId`,
    point.flags AS Flags
FROM otlp_metric
ARRAY JOIN histogram.data_points AS point;

CREATE TABLE IF NOT EXISTS otel_metrics_exponential_histogram
(
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ResourceSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion LowCardinality(String) CODEC(ZSTD(1)),
    ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeDroppedAttrCount UInt32 CODEC(ZSTD(1)),
    ScopeSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    MetricName LowCardinality(String) CODEC(ZSTD(1)),
    MetricDescription LowCardinality(String) CODEC(ZSTD(1)),
    MetricUnit LowCardinality(String) CODEC(ZSTD(1)),
    Attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    StartTimeUnix DateTime64(9) CODEC(Delta, ZSTD(1)),
    TimeUnix DateTime64(9) CODEC(Delta, ZSTD(1)),
    Count UInt64 CODEC(ZSTD(1)),
    Sum Float64 CODEC(ZSTD(1)),
    Scale Int32 CODEC(ZSTD(1)),
    ZeroCount UInt64 CODEC(ZSTD(1)),
    ZeroThreshold Float64 CODEC(ZSTD(1)),
    PositiveOffset Int32 CODEC(ZSTD(1)),
    PositiveBucketCounts Array(UInt64) CODEC(ZSTD(1)),
    NegativeOffset Int32 CODEC(ZSTD(1)),
    NegativeBucketCounts Array(UInt64) CODEC(ZSTD(1)),
    Min Float64 CODEC(ZSTD(1)),
    Max Float64 CODEC(ZSTD(1)),
    AggregationTemporality Int32 CODEC(ZSTD(1)),
    Exemplars Nested(
        FilteredAttributes Map(LowCardinality(String), String),
        TimeUnix DateTime64(9),
        Value Float64,
        SpanId String,
        TraceId String) CODEC(ZSTD(1)),
    Flags UInt32 CODEC(ZSTD(1)),
    HostName LowCardinality(String) DEFAULT ResourceAttributes['host.name'] CODEC(ZSTD(1)),
    Region LowCardinality(String) DEFAULT ResourceAttributes['cloud.region'] CODEC(ZSTD(1)),
    MetricMetadata Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    Tenant LowCardinality(String) CODEC(ZSTD(1)),
    InsertedAt DateTime DEFAULT now() CODEC(Delta, ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(TimeUnix)
ORDER BY (ServiceName, MetricName, HostName, TimeUnix)
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_metrics_to_exponential_histogram TO otel_metrics_exponential_histogram AS
WITH
    x -> bitOr(bitAnd(x, 0x007f007f007f007f), bitShiftRight(bitAnd(x, 0x7f007f007f007f00), 1)) AS otlp_join_7,
x -> bitOr(bitAnd(x, 0x00003fff00003fff), bitShiftRight(bitAnd(x, 0x3fff00003fff0000), 2)) AS otlp_join_14,
x -> bitOr(bitAnd(x, 0x000000000fffffff), bitShiftRight(bitAnd(x, 0x0fffffff00000000), 4)) AS otlp_join_28,
v -> reinterpretAsInt64(arraySum(
    i -> bitShiftLeft(bitAnd(reinterpretAsUInt64(substring(v, i + 1, 1)), 127), 7 * (i - 1)),
    range(1, toUInt64(least(length(v), 11))))) AS otlp_int,
v -> substring(v, 3 + (length(v) > 129) + (length(v) > 16386) + (length(v) > 2097155) + (length(v) > 268435460)) AS otlp_rest,
v -> multiIf(
    startsWith(v, '\x0A'), toJSONString(otlp_rest(v)),
    startsWith(v, '\x18'), toString(otlp_int(v)),
    startsWith(v, '\x21'), toJSONString(reinterpretAsFloat64(substring(v, 2))),
    startsWith(v, '\x10'), if(endsWith(v, '\0'), 'false', 'true'),
    v = '', 'null',
    toJSONString(base64Encode(otlp_rest(v)))) AS otlp_leaf_json,
(b, p) -> reinterpretAsUInt64(substring(b, p + 2, 4)) AS otlp_after_tag,
w -> 1 + (bitAnd(w, 0x80) = 0x80) + (bitAnd(w, 0x8080) = 0x8080) + (bitAnd(w, 0x808080) = 0x808080) AS otlp_size,
(w, n) -> otlp_join_14(otlp_join_7(bitAnd(bitAnd(w, 0x7f7f7f7f), toUInt64(bitShiftLeft(toUInt64(1), 8 * n) - 1)))) AS otlp_length,
b -> arrayFold(
    (begun, steps) -> arrayFold(
        (state, step) -> if(
            state.1 < length(b),
            arrayMap(
                (w, n) -> arrayMap(
                    (start, size) -> (start + size, arrayPushBack(state.2, (start, size))),
                    [state.1 + 1 + n], [otlp_length(w, n)])[1],
                [otlp_after_tag(b, state.1)], [otlp_size(otlp_after_tag(b, state.1))])[1],
            state),
        range(if(begun.1 < length(b) AND length(b) <= 65536, least(steps, 4096), 0)),
        begun),
    [4 + intDiv(length(b), 32), intDiv(length(b), 8), intDiv(length(b), 2)],
    (toUInt64(0), CAST([], 'Array(Tuple(UInt64, UInt64))'))) AS otlp_fields,
v -> arrayMap(
    (b, pairs) -> arrayMap(
        walked -> if(
            walked.1 = length(b),
            concat(
                if(pairs, '{', '['),
                arrayStringConcat(
                    arrayMap(
                        (key, value) -> concat(if(pairs, concat(toJSONString(key), ':'), ''), otlp_leaf_json(value)),
                        arrayMap(item -> if(startsWith(item.1, '\x0A'), substring(item.1, item.2 + 2, item.3), ''), walked.3),
                        arrayMap(
                            item -> if(
                                pairs,
                                otlp_rest(substring(item.1, if(startsWith(item.1, '\x0A'), item.2 + item.3 + 2, 1))),
                                item.1),
                            walked.3)),
                    ','),
                if(pairs, '}', ']')),
            base64Encode(b)),
        arrayMap(
            walked -> (walked.1, walked.2, arrayMap(
                (item, w, n) -> (item, n, otlp_length(w, n)),
                arrayMap(field -> substring(b, field.1 + 1, field.2), walked.2),
                arrayMap(field -> otlp_after_tag(b, field.1), walked.2),
                arrayMap(field -> otlp_size(otlp_after_tag(b, field.1)), walked.2))),
            [otlp_fields(b)]))[1],
    [otlp_rest(v)], [startsWith(v, '\x32')])[1] AS otlp_list_json,
(v, tag, small) -> multiIf(
    reinterpretAsUInt16(v) = length(v) * 256 - 502, substring(v, 3),
    tag = 24 AND length(v) <= 8, toString(small),
    tag = 33, toString(reinterpretAsFloat64(substring(v, 2))),
    tag = 16, if(endsWith(v, '\0'), 'false', 'true'),
    tag = 24, toString(otlp_int(v)),
    v = '', '',
    tag = 10, otlp_rest(v),
    tag = 42 OR tag = 50, otlp_list_json(v),
    base64Encode(otlp_rest(v))) AS otlp_text,
values -> arrayMap(
    (v, tag, small) -> otlp_text(v, tag, small),
    values,
    arrayMap(v -> reinterpretAsUInt8(v), values),
    arrayMap(x -> otlp_join_28(x), arrayMap(x -> otlp_join_14(x), arrayMap(x -> otlp_join_7(x), arrayMap(
        v -> bitAnd(bitShiftRight(reinterpretAsUInt64(v), 8), 0x007f7f7f7f7f7f7f), values))))) AS otlp_texts,
a -> mapSort(mapFromArrays(a.key, otlp_texts(a.value))) AS otlp_map,
    arrayMap(a -> otlp_map(a), arrayConcat([point.attributes], point.exemplars.filtered_attributes)) AS maps
SELECT
    ResourceAttributes, ResourceSchemaUrl, ScopeName, ScopeVersion, ScopeAttributes, ScopeDroppedAttrCount, ScopeSchemaUrl,
    ServiceName, MetricName, MetricDescription, MetricUnit, HostName, Region, MetricMetadata, Tenant, now() AS InsertedAt,
    maps[1] AS Attributes,
    fromUnixTimestamp64Nano(toInt64(point.start_time_unix_nano)) AS StartTimeUnix,
    fromUnixTimestamp64Nano(toInt64(point.time_unix_nano)) AS TimeUnix,
    point.count AS Count,
    point.sum AS Sum,
    point.scale AS Scale,
    point.zero_count AS ZeroCount,
    point.zero_threshold AS ZeroThreshold,
    point.positive.offset AS PositiveOffset,
    point.positive.bucket_counts AS PositiveBucketCounts,
    point.negative.offset AS NegativeOffset,
    point.negative.bucket_counts AS NegativeBucketCounts,
    point.min AS Min,
    point.max AS Max,
    exponential_histogram.aggregation_temporality AS AggregationTemporality,
    arraySlice(maps, 2) AS `Exemplars.FilteredAttributes`,
    arrayMap(t -> fromUnixTimestamp64Nano(toInt64(t)), point.exemplars.time_unix_nano) AS `Exemplars.TimeUnix`,
    arrayMap(
        (kind, d, i) -> if(kind = 'as_int', toFloat64(i), d),
        point.exemplars.value, point.exemplars.as_double, point.exemplars.as_int) AS `Exemplars.Value`,
    arrayMap(x -> lower(hex(x)), point.exemplars.span_id) AS `Exemplars.SpanId`,
    arrayMap(x -> lower(hex(x)), point.exemplars.trace_id) AS `Exemplars.TraceId`,
    point.flags AS Flags
FROM otlp_metric
ARRAY JOIN exponential_histogram.data_points AS point;

CREATE TABLE IF NOT EXISTS otel_metrics_summary
(
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ResourceSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion LowCardinality(String) CODEC(ZSTD(1)),
    ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeDroppedAttrCount UInt32 CODEC(ZSTD(1)),
    ScopeSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    MetricName LowCardinality(String) CODEC(ZSTD(1)),
    MetricDescription LowCardinality(String) CODEC(ZSTD(1)),
    MetricUnit LowCardinality(String) CODEC(ZSTD(1)),
    Attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    StartTimeUnix DateTime64(9) CODEC(Delta, ZSTD(1)),
    TimeUnix DateTime64(9) CODEC(Delta, ZSTD(1)),
    Count UInt64 CODEC(ZSTD(1)),
    Sum Float64 CODEC(ZSTD(1)),
    ValueAtQuantiles Nested(Quantile Float64, Value Float64) CODEC(ZSTD(1)),
    Flags UInt32 CODEC(ZSTD(1)),
    HostName LowCardinality(String) DEFAULT ResourceAttributes['host.name'] CODEC(ZSTD(1)),
    Region LowCardinality(String) DEFAULT ResourceAttributes['cloud.region'] CODEC(ZSTD(1)),
    MetricMetadata Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    Tenant LowCardinality(String) CODEC(ZSTD(1)),
    InsertedAt DateTime DEFAULT now() CODEC(Delta, ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(TimeUnix)
ORDER BY (ServiceName, MetricName, HostName, TimeUnix)
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_metrics_to_summary TO otel_metrics_summary AS
WITH
    x -> bitOr(bitAnd(x, 0x007f007f007f007f), bitShiftRight(bitAnd(x, 0x7f007f007f007f00), 1)) AS otlp_join_7,
x -> bitOr(bitAnd(x, 0x00003fff00003fff), bitShiftRight(bitAnd(x, 0x3fff00003fff0000), 2)) AS otlp_join_14,
x -> bitOr(bitAnd(x, 0x000000000fffffff), bitShiftRight(bitAnd(x, 0x0fffffff00000000), 4)) AS otlp_join_28,
v -> reinterpretAsInt64(arraySum(
    i -> bitShiftLeft(bitAnd(reinterpretAsUInt64(substring(v, i + 1, 1)), 127), 7 * (i - 1)),
    range(1, toUInt64(least(length(v), 11))))) AS otlp_int,
v -> substring(v, 3 + (length(v) > 129) + (length(v) > 16386) + (length(v) > 2097155) + (length(v) > 268435460)) AS otlp_rest,
v -> multiIf(
    startsWith(v, '\x0A'), toJSONString(otlp_rest(v)),
    startsWith(v, '\x18'), toString(otlp_int(v)),
    startsWith(v, '\x21'), toJSONString(reinterpretAsFloat64(substring(v, 2))),
    startsWith(v, '\x10'), if(endsWith(v, '\0'), 'false', 'true'),
    v = '', 'null',
    toJSONString(base64Encode(otlp_rest(v)))) AS otlp_leaf_json,
(b, p) -> reinterpretAsUInt64(substring(b, p + 2, 4)) AS otlp_after_tag,
w -> 1 + (bitAnd(w, 0x80) = 0x80) + (bitAnd(w, 0x8080) = 0x8080) + (bitAnd(w, 0x808080) = 0x808080) AS otlp_size,
(w, n) -> otlp_join_14(otlp_join_7(bitAnd(bitAnd(w, 0x7f7f7f7f), toUInt64(bitShiftLeft(toUInt64(1), 8 * n) - 1)))) AS otlp_length,
b -> arrayFold(
    (begun, steps) -> arrayFold(
        (state, step) -> if(
            state.1 < length(b),
            arrayMap(
                (w, n) -> arrayMap(
                    (start, size) -> (start + size, arrayPushBack(state.2, (start, size))),
                    [state.1 + 1 + n], [otlp_length(w, n)])[1],
                [otlp_after_tag(b, state.1)], [otlp_size(otlp_after_tag(b, state.1))])[1],
            state),
        range(if(begun.1 < length(b) AND length(b) <= 65536, least(steps, 4096), 0)),
        begun),
    [4 + intDiv(length(b), 32), intDiv(length(b), 8), intDiv(length(b), 2)],
    (toUInt64(0), CAST([], 'Array(Tuple(UInt64, UInt64))'))) AS otlp_fields,
v -> arrayMap(
    (b, pairs) -> arrayMap(
        walked -> if(
            walked.1 = length(b),
            concat(
                if(pairs, '{', '['),
                arrayStringConcat(
                    arrayMap(
                        (key, value) -> concat(if(pairs, concat(toJSONString(key), ':'), ''), otlp_leaf_json(value)),
                        arrayMap(item -> if(startsWith(item.1, '\x0A'), substring(item.1, item.2 + 2, item.3), ''), walked.3),
                        arrayMap(
                            item -> if(
                                pairs,
                                otlp_rest(substring(item.1, if(startsWith(item.1, '\x0A'), item.2 + item.3 + 2, 1))),
                                item.1),
                            walked.3)),
                    ','),
                if(pairs, '}', ']')),
            base64Encode(b)),
        arrayMap(
            walked -> (walked.1, walked.2, arrayMap(
                (item, w, n) -> (item, n, otlp_length(w, n)),
                arrayMap(field -> substring(b, field.1 + 1, field.2), walked.2),
                arrayMap(field -> otlp_after_tag(b, field.1), walked.2),
                arrayMap(field -> otlp_size(otlp_after_tag(b, field.1)), walked.2))),
            [otlp_fields(b)]))[1],
    [otlp_rest(v)], [startsWith(v, '\x32')])[1] AS otlp_list_json,
(v, tag, small) -> multiIf(
    reinterpretAsUInt16(v) = length(v) * 256 - 502, substring(v, 3),
    tag = 24 AND length(v) <= 8, toString(small),
    tag = 33, toString(reinterpretAsFloat64(substring(v, 2))),
    tag = 16, if(endsWith(v, '\0'), 'false', 'true'),
    tag = 24, toString(otlp_int(v)),
    v = '', '',
    tag = 10, otlp_rest(v),
    tag = 42 OR tag = 50, otlp_list_json(v),
    base64Encode(otlp_rest(v))) AS otlp_text,
values -> arrayMap(
    (v, tag, small) -> otlp_text(v, tag, small),
    values,
    arrayMap(v -> reinterpretAsUInt8(v), values),
    arrayMap(x -> otlp_join_28(x), arrayMap(x -> otlp_join_14(x), arrayMap(x -> otlp_join_7(x), arrayMap(
        v -> bitAnd(bitShiftRight(reinterpretAsUInt64(v), 8), 0x007f7f7f7f7f7f7f), values))))) AS otlp_texts,
a -> mapSort(mapFromArrays(a.key, otlp_texts(a.value))) AS otlp_map
SELECT
    ResourceAttributes, ResourceSchemaUrl, ScopeName, ScopeVersion, ScopeAttributes, ScopeDroppedAttrCount, ScopeSchemaUrl,
    ServiceName, MetricName, MetricDescription, MetricUnit, HostName, Region, MetricMetadata, Tenant, now() AS InsertedAt,
    otlp_map(point.attributes) AS Attributes,
    fromUnixTimestamp64Nano(toInt64(point.start_time_unix_nano)) AS StartTimeUnix,
    fromUnixTimestamp64Nano(toInt64(point.time_unix_nano)) AS TimeUnix,
    point.count AS Count,
    point.sum AS Sum,
    point.quantile_values.quantile AS `ValueAtQuantiles.Quantile`,
    point.quantile_values.value AS `ValueAtQuantiles.Value`,
    point.flags AS Flags
FROM otlp_metric
ARRAY JOIN summary.data_points AS point;

CREATE VIEW IF NOT EXISTS otel_metrics_exp_histogram AS SELECT * FROM otel_metrics_exponential_histogram;


-- 0004 rollups
CREATE TABLE IF NOT EXISTS otel_spans_1m
(
    Minute DateTime CODEC(Delta, ZSTD(1)),
    ServiceName LowCardinality(String),
    SpanName LowCardinality(String),
    SpanKind LowCardinality(String),
    HostName LowCardinality(String),
    Region LowCardinality(String),
    Zone LowCardinality(String),
    ServiceVersion LowCardinality(String),
    Spans SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    WeightedSpans SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)),
    Errors SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    DurationSum SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    DurationMax SimpleAggregateFunction(max, UInt64) CODEC(ZSTD(1)),
    DurationHistogram SimpleAggregateFunction(sumMap, Map(Int16, UInt64)) CODEC(ZSTD(1)),
    InsertedAt SimpleAggregateFunction(max, DateTime) DEFAULT now() CODEC(Delta, ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(Minute)
ORDER BY (Minute, ServiceName, SpanName, SpanKind, HostName, Region, Zone, ServiceVersion)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS otel_spans_1m_mv TO otel_spans_1m AS
SELECT
    Minute, ServiceName, SpanName, SpanKind, HostName, Region, Zone, ServiceVersion,
    sum(n) AS Spans,
    sum(w) AS WeightedSpans,
    sum(e) AS Errors,
    sum(d) AS DurationSum,
    max(m) AS DurationMax,
    CAST((groupArray(bucket), groupArray(n)), 'Map(Int16, UInt64)') AS DurationHistogram,
    now() AS InsertedAt
FROM
(
    SELECT
        toStartOfMinute(Timestamp) AS Minute, ServiceName, SpanName, SpanKind, HostName, Region, Zone, ServiceVersion,
        toInt16(floor(log2(greatest(Duration, 1)) * 8)) AS bucket,
        count() AS n,
        sum(toFloat64(Weight)) AS w,
        countIf(StatusCode = 'Error') AS e,
        sum(Duration) AS d,
        max(Duration) AS m
    FROM otel_traces
    GROUP BY Minute, ServiceName, SpanName, SpanKind, HostName, Region, Zone, ServiceVersion, bucket
)
GROUP BY Minute, ServiceName, SpanName, SpanKind, HostName, Region, Zone, ServiceVersion;

CREATE TABLE IF NOT EXISTS otel_logs_1m
(
    Minute DateTime CODEC(Delta, ZSTD(1)),
    ServiceName LowCardinality(String),
    HostName LowCardinality(String),
    Region LowCardinality(String),
    Severity LowCardinality(String),
    Logs SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    InsertedAt SimpleAggregateFunction(max, DateTime) DEFAULT now() CODEC(Delta, ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(Minute)
ORDER BY (Minute, ServiceName, HostName, Region, Severity)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS otel_logs_1m_mv TO otel_logs_1m AS
SELECT toStartOfMinute(Timestamp) AS Minute, ServiceName, HostName, Region, Severity, count() AS Logs, now() AS InsertedAt
FROM otel_logs
GROUP BY Minute, ServiceName, HostName, Region, Severity;

CREATE TABLE IF NOT EXISTS otel_gauges_1m
(
    Minute DateTime CODEC(Delta, ZSTD(1)),
    MetricName LowCardinality(String),
    ServiceName LowCardinality(String),
    HostName LowCardinality(String),
    Region LowCardinality(String),
    Gpu LowCardinality(String),
    Points SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    ValueSum SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)),
    ValueMin SimpleAggregateFunction(min, Float64) CODEC(ZSTD(1)),
    ValueMax SimpleAggregateFunction(max, Float64) CODEC(ZSTD(1)),
    InsertedAt SimpleAggregateFunction(max, DateTime) DEFAULT now() CODEC(Delta, ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(Minute)
ORDER BY (MetricName, Minute, ServiceName, HostName, Region, Gpu)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS otel_gauges_1m_mv TO otel_gauges_1m AS
SELECT
    toStartOfMinute(TimeUnix) AS Minute, MetricName, ServiceName, HostName, Region,
    if(mapContains(Attributes, 'gpu.index'), Attributes['gpu.index'], ResourceAttributes['gpu.index']) AS Gpu,
    count() AS Points, sum(Value) AS ValueSum, min(Value) AS ValueMin, max(Value) AS ValueMax, now() AS InsertedAt
FROM otel_metrics_gauge
GROUP BY Minute, MetricName, ServiceName, HostName, Region, Gpu;

CREATE TABLE IF NOT EXISTS otel_instances
(
    ServiceName LowCardinality(String),
    HostName LowCardinality(String),
    ServiceVersion LowCardinality(String),
    Region LowCardinality(String),
    Zone LowCardinality(String),
    Rack LowCardinality(String),
    Switch LowCardinality(String),
    Gpu LowCardinality(String),
    FirstSeen SimpleAggregateFunction(min, DateTime64(9)) CODEC(ZSTD(1)),
    LastSeen SimpleAggregateFunction(max, DateTime64(9)) CODEC(ZSTD(1)),
    InsertedAt SimpleAggregateFunction(max, DateTime) DEFAULT now() CODEC(Delta, ZSTD(1))
)
ENGINE = AggregatingMergeTree
ORDER BY (ServiceName, HostName, ServiceVersion, Region, Zone, Rack, Switch, Gpu)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS otel_instances_mv TO otel_instances AS
SELECT
    ServiceName, HostName, ServiceVersion, Region, Zone,
    any(ResourceAttributes)['host.rack'] AS Rack,
    any(ResourceAttributes)['network.switch'] AS Switch,
    Gpu, min(Timestamp) AS FirstSeen, max(Timestamp) AS LastSeen, now() AS InsertedAt
FROM otel_traces
GROUP BY ServiceName, HostName, ServiceVersion, Region, Zone, Gpu;


-- 0005 ledger
CREATE TABLE IF NOT EXISTS rootspan_stored
(
    Signal LowCardinality(String),
    Minute DateTime CODEC(Delta, ZSTD(1)),
    Items UInt64 CODEC(ZSTD(1))
)
ENGINE = SummingMergeTree(Items)
ORDER BY (Signal, Minute)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS rootspan_stored_spans_mv TO rootspan_stored AS
SELECT 'traces' AS Signal, toStartOfMinute(now()) AS Minute, count() AS Items FROM otel_traces;

CREATE MATERIALIZED VIEW IF NOT EXISTS rootspan_stored_logs_mv TO rootspan_stored AS
SELECT 'logs' AS Signal, toStartOfMinute(now()) AS Minute, count() AS Items FROM otel_logs;

CREATE MATERIALIZED VIEW IF NOT EXISTS rootspan_stored_gauge_mv TO rootspan_stored AS
SELECT 'metrics' AS Signal, toStartOfMinute(now()) AS Minute, count() AS Items FROM otel_metrics_gauge;

CREATE MATERIALIZED VIEW IF NOT EXISTS rootspan_stored_sum_mv TO rootspan_stored AS
SELECT 'metrics' AS Signal, toStartOfMinute(now()) AS Minute, count() AS Items FROM otel_metrics_sum;

CREATE MATERIALIZED VIEW IF NOT EXISTS rootspan_stored_histogram_mv TO rootspan_stored AS
SELECT 'metrics' AS Signal, toStartOfMinute(now()) AS Minute, count() AS Items FROM otel_metrics_histogram;

CREATE MATERIALIZED VIEW IF NOT EXISTS rootspan_stored_exponential_histogram_mv TO rootspan_stored AS
SELECT 'metrics' AS Signal, toStartOfMinute(now()) AS Minute, count() AS Items FROM otel_metrics_exponential_histogram;

CREATE MATERIALIZED VIEW IF NOT EXISTS rootspan_stored_summary_mv TO rootspan_stored AS
SELECT 'metrics' AS Signal, toStartOfMinute(now()) AS Minute, count() AS Items FROM otel_metrics_summary;

CREATE TABLE IF NOT EXISTS rootspan_collectors
(
    CollectorId String,
    Time DateTime64(3),
    Signal LowCardinality(String),
    Accepted UInt64,
    Stored UInt64,
    Pending UInt64,
    Quarantined UInt64,
    Refused UInt64,
    Version String
)
ENGINE = ReplacingMergeTree(Time)
ORDER BY (CollectorId, Signal);


-- 0007 training
CREATE TABLE IF NOT EXISTS otel_training_spans
(
    JobId LowCardinality(String),
    ServiceName LowCardinality(String),
    Timestamp DateTime64(9) CODEC(Delta, ZSTD(1)),
    Duration UInt64 CODEC(ZSTD(1)),
    Unfinished Bool CODEC(ZSTD(1)),
    SpanName LowCardinality(String) CODEC(ZSTD(1)),
    Rank Int32 CODEC(ZSTD(1)),
    DpRank Int32 CODEC(ZSTD(1)),
    TpRank Int32 CODEC(ZSTD(1)),
    PpRank Int32 CODEC(ZSTD(1)),
    WorldSize UInt32 CODEC(ZSTD(1)),
    HostName LowCardinality(String) CODEC(ZSTD(1)),
    Gpu LowCardinality(String) CODEC(ZSTD(1)),
    Switch LowCardinality(String) CODEC(ZSTD(1)),
    Step Int64 CODEC(ZSTD(1)),
    IsStep Bool CODEC(ZSTD(1)),
    Microbatch Int32 CODEC(ZSTD(1)),
    -- The operation in the sender's words; one of data, h2d, forward, backward, optimizer, collective, checkpoint, eval, or empty.
    Op LowCardinality(String) CODEC(ZSTD(1)),
    Phase LowCardinality(String) CODEC(ZSTD(1)),
    -- Of a step's span: seconds by phase.
    PhaseSeconds Map(LowCardinality(String), Float64) CODEC(ZSTD(1)),
    -- Attributes about loss or gradients that are not finite numbers, by name.
    NonFinite LowCardinality(String) CODEC(ZSTD(1)),
    -- Of a collective, by rootspan's names or those of PyTorch's flight recorder.
    CollectiveGroup LowCardinality(String) CODEC(ZSTD(1)),
    GroupDescription LowCardinality(String) CODEC(ZSTD(1)),
    CollectiveSeq Int64 CODEC(ZSTD(1)),
    CollectivePeer Int32 CODEC(ZSTD(1)),
    CollectiveBytes UInt64 CODEC(ZSTD(1)),
    TimeoutMs UInt32 CODEC(ZSTD(1)),
    PointToPoint Bool CODEC(ZSTD(1)),
    -- Empty if it ended well, or nobody said otherwise; else pending, failed, scheduled, started.
    CollectiveState LowCardinality(String) CODEC(ZSTD(1)),
    InsertedAt DateTime DEFAULT now() CODEC(Delta, ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(Timestamp)
ORDER BY (JobId, ServiceName, Phase, toDateTime(Timestamp))
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS otel_training_spans_mv TO otel_training_spans AS
SELECT
        JobId,
    ServiceName,
    Timestamp,
    Duration,
    Unfinished,
    SpanName,
    toInt32OrDefault(if(ResourceAttributes['training.rank'] = '', SpanAttributes['training.rank'], ResourceAttributes['training.rank']), toInt32(-1)) AS Rank,
    toInt32OrDefault(if(ResourceAttributes['training.dp_rank'] = '', SpanAttributes['training.dp_rank'], ResourceAttributes['training.dp_rank']), toInt32(-1)) AS DpRank,
    toInt32OrDefault(if(ResourceAttributes['training.tp_rank'] = '', SpanAttributes['training.tp_rank'], ResourceAttributes['training.tp_rank']), toInt32(-1)) AS TpRank,
    toInt32OrDefault(if(ResourceAttributes['training.pp_rank'] = '', SpanAttributes['training.pp_rank'], ResourceAttributes['training.pp_rank']), toInt32(-1)) AS PpRank,
    toUInt32OrZero(ResourceAttributes['training.world_size']) AS WorldSize,
    HostName,
    Gpu,
    toLowCardinality(ResourceAttributes['network.switch']) AS Switch,
    toInt64OrDefault(SpanAttributes['training.step'], toInt64(-1)) AS Step,
    match(lower(SpanName), '^(train(ing)?[._ -]?(step|iteration|iter)|profilerstep#[0-9]+|step|iteration)\\z') AS IsStep,
    toInt32OrDefault(SpanAttributes['training.microbatch'], toInt32(-1)) AS Microbatch,
    toLowCardinality(multiIf(
        SpanAttributes['training.op'] != '', SpanAttributes['training.op'],
        SpanAttributes['training.collective.op'] != '', SpanAttributes['training.collective.op'],
        SpanAttributes['training.phase'] NOT IN ('', 'collective'), SpanAttributes['training.phase'],
        toString(SpanName))) AS Op,
    toLowCardinality(multiIf(
        SpanAttributes['training.phase'] != '', SpanAttributes['training.phase'],
        match(lower(Op), 'dataload|data[._ -]?(load|iter|fetch|wait)|(next|get|fetch|load)[._ -]?batch'), 'data',
        match(lower(Op), 'checkpoint|ckpt|save[._ -]?(model|state)'), 'checkpoint',
        match(lower(Op), 'send|recv|all[._ -]?reduce|all[._ -]?gather|reduce[._ -]?scatter|all[._ -]?to[._ -]?all|broadcast|barrier|^nccl|collective|(param|grad).*sync'), 'collective',
        match(lower(Op), '(^|[._ -])(forward|fwd)([._ -]|\\z)'), 'forward',
        match(lower(Op), '(^|[._ -])(backward|bwd)([._ -]|\\z)'), 'backward',
        match(lower(Op), 'optim'), 'optimizer',
        match(lower(Op), '(^|[._ -])eval'), 'eval',
        match(lower(Op), 'htod|host[._ -]?to[._ -]?device|(^|[._ -])h2d'), 'h2d',
        '')) AS Phase,
    if(IsStep, CAST(
        mapFromArrays(
            arrayMap(name -> substring(name, 16, length(name) - 23), arrayFilter(name -> match(name, '^training[.]phase[.][a-z0-9_]+[.]seconds\\z'), mapKeys(SpanAttributes))),
            arrayMap(name -> toFloat64OrZero(SpanAttributes[name]), arrayFilter(name -> match(name, '^training[.]phase[.][a-z0-9_]+[.]seconds\\z'), mapKeys(SpanAttributes)))),
        'Map(LowCardinality(String), Float64)'), CAST(map(), 'Map(LowCardinality(String), Float64)')) AS PhaseSeconds,
    toLowCardinality(arrayStringConcat(arrayFilter(
        (name, value) -> match(name, 'loss|grad') AND lower(value) IN ('nan', '-nan', 'inf', '-inf', '+inf', 'infinity', '-infinity'),
        mapKeys(SpanAttributes), mapValues(SpanAttributes)), ', ')) AS NonFinite,
    toLowCardinality(if(SpanAttributes['training.collective.group'] != '', SpanAttributes['training.collective.group'], SpanAttributes['pytorch.fr.process_group'])) AS CollectiveGroup,
    toLowCardinality(SpanAttributes['pytorch.fr.process_group_desc']) AS GroupDescription,
    toInt64OrDefault(multiIf(
        SpanAttributes['training.collective.seq'] != '', SpanAttributes['training.collective.seq'],
        SpanAttributes['pytorch.fr.is_p2p'] = 'true', SpanAttributes['pytorch.fr.p2p_seq_id'],
        SpanAttributes['pytorch.fr.collective_seq_id']), toInt64(-1)) AS CollectiveSeq,
    toInt32OrDefault(SpanAttributes['training.collective.peer'], toInt32(-1)) AS CollectivePeer,
    toUInt64OrZero(SpanAttributes['training.collective.bytes']) AS CollectiveBytes,
    toUInt32OrZero(SpanAttributes['pytorch.fr.timeout_ms']) AS TimeoutMs,
    SpanAttributes['pytorch.fr.is_p2p'] = 'true' OR SpanAttributes['training.collective.peer'] != '' AS PointToPoint,
    toLowCardinality(multiIf(
        SpanAttributes['training.collective.state'] != '', SpanAttributes['training.collective.state'],
        SpanAttributes['pytorch.fr.state'] = 'completed', '', SpanAttributes['pytorch.fr.state'])) AS CollectiveState,
    now() AS InsertedAt
FROM otel_traces
WHERE JobId != '';


-- 0009 incidents
CREATE TABLE IF NOT EXISTS rootspan_incidents
(
    Id String,
    -- When the breach began; when the watcher was sure; the last write; 1970 while it is open.
    Onset DateTime64(9),
    Opened DateTime64(9),
    Updated DateTime64(9),
    Closed DateTime64(9),
    State LowCardinality(String),
    Severity LowCardinality(String),
    -- The worst breached objective; `Symptoms` has all of them as JSON.
    Kind LowCardinality(String),
    Service LowCardinality(String),
    Operation String,
    Job String,
    Title String CODEC(ZSTD(3)),
    Observed Float64,
    Expected Float64,
    Unit LowCardinality(String),
    Symptoms String CODEC(ZSTD(3)),
    Verdict LowCardinality(String),
    -- JSON arrays and objects of `rootspan why --json`.
    Causes String CODEC(ZSTD(3)),
    Explanation String CODEC(ZSTD(3)),
    Requests UInt64,
    BadRequests UInt64,
    Errors UInt64,
    ExcessSeconds Float64,
    GpuHours Float64,
    Services Array(String),
    Hosts UInt32,
    Regions Array(String),
    EngineVersion LowCardinality(String)
)
ENGINE = ReplacingMergeTree(Updated)
ORDER BY Id;

CREATE TABLE IF NOT EXISTS rootspan_watchers
(
    Name LowCardinality(String),
    Holder String,
    Since DateTime64(9),
    Seen DateTime64(9)
)
ENGINE = ReplacingMergeTree(Seen)
ORDER BY (Name, Holder);

CREATE TABLE IF NOT EXISTS rootspan_notices
(
    IncidentId String,
    Target String,
    Event LowCardinality(String),
    Fingerprint String,
    Sent DateTime64(9)
)
ENGINE = ReplacingMergeTree(Sent)
ORDER BY (IncidentId, Target);


-- 0010 changes
CREATE TABLE IF NOT EXISTS rootspan_changes
(
    Id String,
    Time DateTime64(9),
    Kind LowCardinality(String),
    Service LowCardinality(String),
    Scope Map(LowCardinality(String), String),
    Text String,
    Previous String,
    Author String,
    Source LowCardinality(String),
    Written DateTime64(9) DEFAULT now64(9)
)
ENGINE = ReplacingMergeTree(Written)
ORDER BY Id
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS rootspan_changes_mv TO rootspan_changes AS
SELECT
    lower(hex(sipHash128(toUnixTimestamp64Nano(Timestamp), Body, toString(LogAttributes)))) AS Id,
    Timestamp AS Time,
    if(LogAttributes['change.kind'] = '', 'other', LogAttributes['change.kind']) AS Kind,
    LogAttributes['service.name'] AS Service,
    mapFilter((k, v) -> NOT startsWith(k, 'change.') AND v != '', LogAttributes) AS Scope,
    Body AS Text,
    LogAttributes['change.previous'] AS Previous,
    LogAttributes['change.author'] AS Author,
    if(LogAttributes['change.source'] = '', 'otlp', LogAttributes['change.source']) AS Source,
    now64(9) AS Written
FROM otel_logs
WHERE EventName = 'rootspan.change';

CREATE TABLE IF NOT EXISTS rootspan_host_facts
(
    Host LowCardinality(String),
    Name LowCardinality(String),
    Value String,
    FirstSeen SimpleAggregateFunction(min, DateTime64(9)),
    LastSeen SimpleAggregateFunction(max, DateTime64(9))
)
ENGINE = AggregatingMergeTree
ORDER BY (Host, Name, Value);


-- 0012 rules
CREATE TABLE IF NOT EXISTS rootspan_dropped
(
    Signal LowCardinality(String),
    Rule LowCardinality(String),
    Minute DateTime CODEC(Delta, ZSTD(1)),
    Items UInt64 CODEC(ZSTD(1))
)
ENGINE = SummingMergeTree(Items)
ORDER BY (Signal, Rule, Minute)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS rootspan_rules
(
    View String,
    Digest String,
    Rules Array(String),
    AppliedAt DateTime64(3)
)
ENGINE = ReplacingMergeTree(AppliedAt)
ORDER BY View;


-- 0022 kept
ALTER TABLE otel_traces ADD INDEX IF NOT EXISTS idx_inserted InsertedAt TYPE minmax GRANULARITY 1;

ALTER TABLE otel_logs ADD INDEX IF NOT EXISTS idx_inserted InsertedAt TYPE minmax GRANULARITY 1;

ALTER TABLE otel_training_spans ADD INDEX IF NOT EXISTS idx_inserted InsertedAt TYPE minmax GRANULARITY 1;

CREATE TABLE IF NOT EXISTS otel_traces_kept AS otel_traces
ENGINE = MergeTree
PARTITION BY toMonday(Timestamp)
ORDER BY (ServiceName, SpanName, toDateTime(Timestamp))
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS otel_logs_kept AS otel_logs
ENGINE = MergeTree
PARTITION BY toMonday(Timestamp)
ORDER BY (toStartOfFiveMinutes(Timestamp), ServiceName, Timestamp)
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS otel_traces_trace_id_ts_kept AS otel_traces_trace_id_ts
ENGINE = MergeTree
PARTITION BY toMonday(Start)
ORDER BY (TraceId, Start)
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS otel_traces_trace_id_ts_kept_mv TO otel_traces_trace_id_ts_kept AS
SELECT TraceId, min(Timestamp) AS Start, max(Timestamp) AS End, InsertedAt
FROM otel_traces_kept
WHERE TraceId != ''
GROUP BY TraceId, InsertedAt;

CREATE TABLE IF NOT EXISTS otel_training_spans_kept AS otel_training_spans
ENGINE = MergeTree
PARTITION BY toMonday(Timestamp)
ORDER BY (JobId, ServiceName, Phase, toDateTime(Timestamp))
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS otel_training_spans_kept_mv TO otel_training_spans_kept AS
SELECT
        JobId,
    ServiceName,
    Timestamp,
    Duration,
    Unfinished,
    SpanName,
    toInt32OrDefault(if(ResourceAttributes['training.rank'] = '', SpanAttributes['training.rank'], ResourceAttributes['training.rank']), toInt32(-1)) AS Rank,
    toInt32OrDefault(if(ResourceAttributes['training.dp_rank'] = '', SpanAttributes['training.dp_rank'], ResourceAttributes['training.dp_rank']), toInt32(-1)) AS DpRank,
    toInt32OrDefault(if(ResourceAttributes['training.tp_rank'] = '', SpanAttributes['training.tp_rank'], ResourceAttributes['training.tp_rank']), toInt32(-1)) AS TpRank,
    toInt32OrDefault(if(ResourceAttributes['training.pp_rank'] = '', SpanAttributes['training.pp_rank'], ResourceAttributes['training.pp_rank']), toInt32(-1)) AS PpRank,
    toUInt32OrZero(ResourceAttributes['training.world_size']) AS WorldSize,
    HostName,
    Gpu,
    toLowCardinality(ResourceAttributes['network.switch']) AS Switch,
    toInt64OrDefault(SpanAttributes['training.step'], toInt64(-1)) AS Step,
    match(lower(SpanName), '^(train(ing)?[._ -]?(step|iteration|iter)|profilerstep#[0-9]+|step|iteration)\\z') AS IsStep,
    toInt32OrDefault(SpanAttributes['training.microbatch'], toInt32(-1)) AS Microbatch,
    toLowCardinality(multiIf(
        SpanAttributes['training.op'] != '', SpanAttributes['training.op'],
        SpanAttributes['training.collective.op'] != '', SpanAttributes['training.collective.op'],
        SpanAttributes['training.phase'] NOT IN ('', 'collective'), SpanAttributes['training.phase'],
        toString(SpanName))) AS Op,
    toLowCardinality(multiIf(
        SpanAttributes['training.phase'] != '', SpanAttributes['training.phase'],
        match(lower(Op), 'dataload|data[._ -]?(load|iter|fetch|wait)|(next|get|fetch|load)[._ -]?batch'), 'data',
        match(lower(Op), 'checkpoint|ckpt|save[._ -]?(model|state)'), 'checkpoint',
        match(lower(Op), 'send|recv|all[._ -]?reduce|all[._ -]?gather|reduce[._ -]?scatter|all[._ -]?to[._ -]?all|broadcast|barrier|^nccl|collective|(param|grad).*sync'), 'collective',
        match(lower(Op), '(^|[._ -])(forward|fwd)([._ -]|\\z)'), 'forward',
        match(lower(Op), '(^|[._ -])(backward|bwd)([._ -]|\\z)'), 'backward',
        match(lower(Op), 'optim'), 'optimizer',
        match(lower(Op), '(^|[._ -])eval'), 'eval',
        match(lower(Op), 'htod|host[._ -]?to[._ -]?device|(^|[._ -])h2d'), 'h2d',
        '')) AS Phase,
    if(IsStep, CAST(
        mapFromArrays(
            arrayMap(name -> substring(name, 16, length(name) - 23), arrayFilter(name -> match(name, '^training[.]phase[.][a-z0-9_]+[.]seconds\\z'), mapKeys(SpanAttributes))),
            arrayMap(name -> toFloat64OrZero(SpanAttributes[name]), arrayFilter(name -> match(name, '^training[.]phase[.][a-z0-9_]+[.]seconds\\z'), mapKeys(SpanAttributes)))),
        'Map(LowCardinality(String), Float64)'), CAST(map(), 'Map(LowCardinality(String), Float64)')) AS PhaseSeconds,
    toLowCardinality(arrayStringConcat(arrayFilter(
        (name, value) -> match(name, 'loss|grad') AND lower(value) IN ('nan', '-nan', 'inf', '-inf', '+inf', 'infinity', '-infinity'),
        mapKeys(SpanAttributes), mapValues(SpanAttributes)), ', ')) AS NonFinite,
    toLowCardinality(if(SpanAttributes['training.collective.group'] != '', SpanAttributes['training.collective.group'], SpanAttributes['pytorch.fr.process_group'])) AS CollectiveGroup,
    toLowCardinality(SpanAttributes['pytorch.fr.process_group_desc']) AS GroupDescription,
    toInt64OrDefault(multiIf(
        SpanAttributes['training.collective.seq'] != '', SpanAttributes['training.collective.seq'],
        SpanAttributes['pytorch.fr.is_p2p'] = 'true', SpanAttributes['pytorch.fr.p2p_seq_id'],
        SpanAttributes['pytorch.fr.collective_seq_id']), toInt64(-1)) AS CollectiveSeq,
    toInt32OrDefault(SpanAttributes['training.collective.peer'], toInt32(-1)) AS CollectivePeer,
    toUInt64OrZero(SpanAttributes['training.collective.bytes']) AS CollectiveBytes,
    toUInt32OrZero(SpanAttributes['pytorch.fr.timeout_ms']) AS TimeoutMs,
    SpanAttributes['pytorch.fr.is_p2p'] = 'true' OR SpanAttributes['training.collective.peer'] != '' AS PointToPoint,
    toLowCardinality(multiIf(
        SpanAttributes['training.collective.state'] != '', SpanAttributes['training.collective.state'],
        SpanAttributes['pytorch.fr.state'] = 'completed', '', SpanAttributes['pytorch.fr.state'])) AS CollectiveState,
    InsertedAt
FROM otel_traces_kept
WHERE JobId != '';

CREATE TABLE IF NOT EXISTS rootspan_kept
(
    TraceId String CODEC(ZSTD(1)),
    Reasons Array(LowCardinality(String)) CODEC(ZSTD(1)),
    -- Begin of the window.
    Window DateTime CODEC(Delta, ZSTD(1)),
    InsertedAt DateTime DEFAULT now() CODEC(Delta, ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toMonday(Window)
ORDER BY (TraceId, Window)
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS rootspan_kept_steps
(
    JobId LowCardinality(String),
    Step Int64 CODEC(Delta, ZSTD(1)),
    Reasons Array(LowCardinality(String)) CODEC(ZSTD(1)),
    Window DateTime CODEC(Delta, ZSTD(1)),
    InsertedAt DateTime DEFAULT now() CODEC(Delta, ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toMonday(Window)
ORDER BY (JobId, Step, Window)
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS rootspan_operations_1d
(
    Day Date CODEC(Delta, ZSTD(1)),
    ServiceName LowCardinality(String),
    SpanName LowCardinality(String),
    SpanKind LowCardinality(String),
    ServiceVersion LowCardinality(String),
    Spans SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    Errors SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    -- Bucket b counts durations in [2^(b/8), 2^((b+1)/8)) ns, as in otel_spans_1m.
    DurationHistogram SimpleAggregateFunction(sumMap, Map(Int16, UInt64)) CODEC(ZSTD(1)),
    InsertedAt SimpleAggregateFunction(max, DateTime) DEFAULT now() CODEC(Delta, ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(Day)
ORDER BY (Day, ServiceName, SpanName, SpanKind, ServiceVersion)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS rootspan_retention
(
    Window DateTime,
    End DateTime,
    Done Bool,
    -- The plan's: who made it, and how many blocks the copies are made in.
    Holder String,
    Blocks UInt16,
    Spans UInt64,
    Logs UInt64,
    KeptTraces UInt64,
    KeptSpans UInt64,
    KeptLogs UInt64,
    -- Kept traces by reason; one may have several.
    Reasons Map(LowCardinality(String), UInt64),
    TookMs UInt64,
    Updated DateTime64(3) DEFAULT now64(3),
    InsertedAt DateTime DEFAULT now() CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(Updated)
ORDER BY (Window, Done)
SETTINGS non_replicated_deduplication_window = 10000;


-- 0023 sampled_spans
CREATE TABLE IF NOT EXISTS otel_spans_sampled
(
    Level UInt8 CODEC(ZSTD(1)),
    Timestamp DateTime64(9) CODEC(Delta, ZSTD(1)),
    TraceHash UInt64 CODEC(ZSTD(1)),
    Id UInt64 CODEC(ZSTD(1)),
    Parent UInt64 CODEC(ZSTD(1)),
    SpanName LowCardinality(String) CODEC(ZSTD(1)),
    SpanKind LowCardinality(String) CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    HostName LowCardinality(String) CODEC(ZSTD(1)),
    Region LowCardinality(String) CODEC(ZSTD(1)),
    Zone LowCardinality(String) CODEC(ZSTD(1)),
    ServiceVersion LowCardinality(String) CODEC(ZSTD(1)),
    Gpu LowCardinality(String) CODEC(ZSTD(1)),
    JobId LowCardinality(String) CODEC(ZSTD(1)),
    Failed Bool CODEC(ZSTD(1)),
    Duration UInt64 CODEC(ZSTD(1)),
    Weight Float32 CODEC(ZSTD(1)),
    Model LowCardinality(String) CODEC(ZSTD(1)),
    Peer LowCardinality(String) CODEC(ZSTD(1)),
    Address LowCardinality(String) CODEC(ZSTD(1)),
    PeerMs Nullable(Float32) CODEC(ZSTD(1)),
    WaitUs Float32 CODEC(ZSTD(1)),
    Size Float32 CODEC(ZSTD(1)),
    TellsRank Bool CODEC(ZSTD(1)),
    InsertedAt DateTime DEFAULT now() CODEC(Delta, ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(Timestamp)
ORDER BY (Level, toDateTime(Timestamp))
SETTINGS
    ttl_only_drop_parts = 1,
    non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS otel_spans_sampled_mv TO otel_spans_sampled AS
SELECT
    Timestamp,
    cityHash64(TraceId) AS TraceHash,
    cityHash64(TraceId, SpanId) AS Id,
    if(ParentSpanId = '', 0, cityHash64(TraceId, ParentSpanId)) AS Parent,
    SpanName, SpanKind, ServiceName, HostName, Region, Zone, ServiceVersion, Gpu, JobId,
    StatusCode = 'Error' AS Failed,
    Duration, Weight,
    toLowCardinality(if(mapValues(SpanAttributes)[indexOf(mapKeys(SpanAttributes), 'gen_ai.request.model')] != '', mapValues(SpanAttributes)[indexOf(mapKeys(SpanAttributes), 'gen_ai.request.model')],
        mapValues(SpanAttributes)[indexOf(mapKeys(SpanAttributes), 'gen_ai.response.model')])) AS Model,
    toLowCardinality(mapValues(SpanAttributes)[indexOf(mapKeys(SpanAttributes), 'peer.service')]) AS Peer,
    toLowCardinality(mapValues(SpanAttributes)[indexOf(mapKeys(SpanAttributes), 'server.address')]) AS Address,
    toFloat32OrNull(mapValues(SpanAttributes)[indexOf(mapKeys(SpanAttributes), 'rootspan.peer.duration_ms')]) AS PeerMs,
    toFloat32OrZero(mapValues(SpanAttributes)[indexOf(mapKeys(SpanAttributes), 'rootspan.queue.wait_ms')]) * 1e3
        + toFloat32OrZero(mapValues(SpanAttributes)[indexOf(mapKeys(SpanAttributes), 'gen_ai.latency.time_in_queue')]) * 1e6 AS WaitUs,
    log1p(greatest(toFloat32OrZero(mapValues(SpanAttributes)[indexOf(mapKeys(SpanAttributes), 'gen_ai.usage.input_tokens')]), toFloat32OrZero(mapValues(SpanAttributes)[indexOf(mapKeys(SpanAttributes), 'gen_ai.usage.prompt_tokens')]))
        + greatest(toFloat32OrZero(mapValues(SpanAttributes)[indexOf(mapKeys(SpanAttributes), 'gen_ai.usage.output_tokens')]), toFloat32OrZero(mapValues(SpanAttributes)[indexOf(mapKeys(SpanAttributes), 'gen_ai.usage.completion_tokens')]))) AS Size,
    hasAny(mapKeys(ResourceAttributes), ['dl.rank', 'nv.dl.rank', 'dl.iteration', 'nv.dl.iteration', 'pytorch.rank'])
        OR hasAny(mapKeys(SpanAttributes), ['dl.rank', 'nv.dl.rank', 'dl.iteration', 'nv.dl.iteration', 'pytorch.rank']) AS TellsRank,
    least(7, bitCount(bitXor(intDiv(TraceHash, 8), intDiv(TraceHash, 8) - 1)) - 1) AS Level,
    now() AS InsertedAt
FROM otel_traces
WHERE JobId = '' AND cityHash64(TraceId) % 8 = 0;

-- retention
ALTER TABLE otel_traces MODIFY TTL InsertedAt + toIntervalDay(30);
ALTER TABLE otel_traces_trace_id_ts MODIFY TTL InsertedAt + toIntervalDay(30);
ALTER TABLE otel_logs MODIFY TTL InsertedAt + toIntervalDay(30);
ALTER TABLE otel_metrics_gauge MODIFY TTL InsertedAt + toIntervalDay(30);
ALTER TABLE otel_metrics_sum MODIFY TTL InsertedAt + toIntervalDay(30);
ALTER TABLE otel_metrics_histogram MODIFY TTL InsertedAt + toIntervalDay(30);
ALTER TABLE otel_metrics_exponential_histogram MODIFY TTL InsertedAt + toIntervalDay(30);
ALTER TABLE otel_metrics_summary MODIFY TTL InsertedAt + toIntervalDay(30);
ALTER TABLE otel_training_spans MODIFY TTL InsertedAt + toIntervalDay(30);
ALTER TABLE otel_spans_sampled MODIFY TTL InsertedAt + toIntervalDay(30);
ALTER TABLE otel_traces_kept MODIFY TTL InsertedAt + toIntervalDay(365);
ALTER TABLE otel_traces_trace_id_ts_kept MODIFY TTL InsertedAt + toIntervalDay(365);
ALTER TABLE otel_logs_kept MODIFY TTL InsertedAt + toIntervalDay(365);
ALTER TABLE otel_training_spans_kept MODIFY TTL InsertedAt + toIntervalDay(365);
ALTER TABLE rootspan_kept MODIFY TTL InsertedAt + toIntervalDay(365);
ALTER TABLE rootspan_kept_steps MODIFY TTL InsertedAt + toIntervalDay(365);
ALTER TABLE rootspan_retention MODIFY TTL InsertedAt + toIntervalDay(365);
ALTER TABLE otel_spans_1m MODIFY TTL InsertedAt + toIntervalDay(365);
ALTER TABLE otel_logs_1m MODIFY TTL InsertedAt + toIntervalDay(365);
ALTER TABLE otel_gauges_1m MODIFY TTL InsertedAt + toIntervalDay(365);
ALTER TABLE otel_instances MODIFY TTL InsertedAt + toIntervalDay(365);
ALTER TABLE rootspan_operations_1d MODIFY TTL InsertedAt + toIntervalDay(365);

-- what readers read
CREATE OR REPLACE VIEW rootspan_spans AS
SELECT * FROM otel_traces WHERE InsertedAt >= now() - toIntervalSecond(2588400)
UNION ALL
SELECT * FROM otel_traces_kept WHERE InsertedAt < now() - toIntervalSecond(2588400);
CREATE OR REPLACE VIEW rootspan_logs AS
SELECT * FROM otel_logs WHERE InsertedAt >= now() - toIntervalSecond(2588400)
UNION ALL
SELECT * FROM otel_logs_kept WHERE InsertedAt < now() - toIntervalSecond(2588400);
CREATE OR REPLACE VIEW rootspan_trace_times AS
SELECT * FROM otel_traces_trace_id_ts WHERE InsertedAt >= now() - toIntervalSecond(2588400)
UNION ALL
SELECT * FROM otel_traces_trace_id_ts_kept WHERE InsertedAt < now() - toIntervalSecond(2588400);
CREATE OR REPLACE VIEW rootspan_training_spans AS
SELECT * FROM otel_training_spans WHERE InsertedAt >= now() - toIntervalSecond(2588400)
UNION ALL
SELECT * FROM otel_training_spans_kept WHERE InsertedAt < now() - toIntervalSecond(2588400);
