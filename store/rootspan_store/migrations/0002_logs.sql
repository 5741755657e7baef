-- Logs: the landing table that has the shape of an OTLP request, and the table of records.
-- Column names up to EventName are those of the OpenTelemetry Collector's ClickHouse exporter (v0.151 and later).

CREATE TABLE IF NOT EXISTS otlp_logs
(
    resource_logs Array(Tuple(
        resource Tuple(attributes ${attributes}, dropped_attributes_count UInt32),
        scope_logs Array(Tuple(
            scope Tuple(name String, version String, attributes ${attributes}, dropped_attributes_count UInt32),
            log_records Array(Tuple(
                time_unix_nano UInt64,
                severity_number Int32,
                severity_text String,
                body String,
                attributes ${attributes},
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
    ${otlp_values}
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
