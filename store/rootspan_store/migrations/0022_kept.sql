-- Keeping what matters: whole traces and training steps that outlive raw retention, why each is kept, and how far the keeper is.
-- See docs/adr/0022-kept-traces.md. Rows here come from the keeper alone (rootspan_store/keeping), a window of arrival at a time.

-- The keeper reads what arrived in a window; parts are sorted by other columns. Parts that are there get the index as they are merged:
-- MATERIALIZE INDEX fails on a part that was written without a column of its sorting key, because all of it was empty.
ALTER TABLE otel_traces ADD INDEX IF NOT EXISTS idx_inserted InsertedAt TYPE minmax GRANULARITY 1;

ALTER TABLE otel_logs ADD INDEX IF NOT EXISTS idx_inserted InsertedAt TYPE minmax GRANULARITY 1;

ALTER TABLE otel_training_spans ADD INDEX IF NOT EXISTS idx_inserted InsertedAt TYPE minmax GRANULARITY 1;

-- Copies of rows, as they are but for the Weight of what stands for others. They are few and old: partitions of a week.
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
    ${training_columns},
    InsertedAt
FROM otel_traces_kept
WHERE JobId != '';

-- Why a trace is kept: a row for each window of arrival that found reasons. The first one made it kept.
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

-- Training steps that are kept whole: the traces of all ranks.
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

-- What each operation usually takes, by day of arrival: what slow and rare are measured against. Few rows, kept as rollups are.
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

-- One row a window of arrival [Window, End): first as it is planned, then, `Done`, with what came of it.
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
