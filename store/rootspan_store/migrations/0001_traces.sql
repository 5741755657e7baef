-- Traces: the landing table that has the shape of an OTLP request, the table of spans, and the look-up of a trace's time.
-- Column names up to Links are those of the OpenTelemetry Collector's ClickHouse exporter.

CREATE TABLE IF NOT EXISTS otlp_traces
(
    resource_spans Array(Tuple(
        resource Tuple(attributes ${attributes}, dropped_attributes_count UInt32),
        scope_spans Array(Tuple(
        scope Tuple(name String, version String, attributes ${attributes}, dropped_attributes_count UInt32),
        spans Array(Tuple(
            trace_id String,
            span_id String,
            trace_state String,
            parent_span_id String,
            name String,
            kind Int32,
            start_time_unix_nano UInt64,
            end_time_unix_nano UInt64,
            attributes ${attributes},
            dropped_attributes_count UInt32,
            events Array(Tuple(
                time_unix_nano UInt64,
                name String,
                attributes ${attributes},
                dropped_attributes_count UInt32)),
            dropped_events_count UInt32,
            links Array(Tuple(
                trace_id String,
                span_id String,
                trace_state String,
                attributes ${attributes},
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
    ${otlp_values},
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
