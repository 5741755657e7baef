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
