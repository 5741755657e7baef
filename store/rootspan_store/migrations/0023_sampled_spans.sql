-- One trace in eight, whole, in the few columns that questions about causes read: what a large fleet is asked about.
-- Chosen by the hash of the trace id, so that all spans of a trace are in, and any multiple of eight can be taken from it.
-- Level is how often TraceHash / 8 can be halved, at most 7: one trace in 8 * 2^k is what has a level of k and more, and
-- since rows are sorted by it, that much is read and no more.
-- Steps of training jobs are not requests and stand in otel_training_spans. TellsRank: other tools' names of training ranks.

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
    ${narrow_span},
    least(7, bitCount(bitXor(intDiv(TraceHash, 8), intDiv(TraceHash, 8) - 1)) - 1) AS Level,
    now() AS InsertedAt
FROM otel_traces
WHERE JobId = '' AND cityHash64(TraceId) % 8 = 0;
