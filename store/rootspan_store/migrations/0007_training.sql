-- Spans of training jobs in typed columns: who ran which phase of which step, and each collective. A job's question
-- reads every span of it; out of the attribute maps of `otel_traces` that costs more than ten times as much. Spans without
-- `training.job.id` are left out by a look at one column. Numbers that nobody told are -1.

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
    ${training_columns},
    now() AS InsertedAt
FROM otel_traces
WHERE JobId != '';
