-- Rollups that answer fleet questions without touching raw rows. Every view reads a raw table, so rows that other
-- exporters write there are counted too. A minute is the start of the minute of the item's own timestamp.

-- Spans by who did what where. DurationHistogram: bucket b counts durations in [2^(b/8), 2^((b+1)/8)) ns.
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

-- Gauges: GPU and host state above all. Gpu is the GPU's index on its host, empty for what is not a GPU's.
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

-- Who was seen where, and when: the fleet's inventory, and when a version appeared on a host.
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
