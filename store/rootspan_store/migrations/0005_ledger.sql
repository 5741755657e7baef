-- The telemetry's balance: what was stored, counted by the engine, and what each collector says it accepted.

-- Items (spans, log records, metric points) by the minute in which they were stored. It outlives the rows themselves.
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

-- One row a collector and signal: its counters, in items, over the life of its log folder.
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
