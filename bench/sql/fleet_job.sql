-- A training job of 64 data-parallel groups of 2 stages by 2 tensor-parallel ranks: a hundred steps, each of a rank's steps
-- with its phases and an all-reduce. Rank 37 computes 1.5 times as long in the last two thirds.
INSERT INTO otel_traces
    (Timestamp, TraceId, SpanId, ParentSpanId, SpanName, SpanKind, ServiceName, ResourceAttributes, SpanAttributes, Duration, StatusCode)
WITH
    256 AS ranks, 100 AS steps, 6 AS parts,
    number % parts AS part,
    intDiv(number, parts) % ranks AS rank,
    intDiv(number, parts * ranks) AS step,
    ['train.step', 'data', 'forward', 'backward', 'all_reduce', 'optimizer'][part + 1] AS operation,
    ['', 'data', 'forward', 'backward', 'collective', 'optimizer'][part + 1] AS phase,
    if(rank = 37 AND step > 33, 1.5, 1.) * (1 + (cityHash64(number) % 100) / 2000) AS lag,
    [0., 0., 0.03, 0.35, 0.35 + 0.6 * lag, 1.28][part + 1] AS after_s,
    [1.35, 0.03, 0.32 * lag, 0.6 * lag, 1.27 - 0.35 - 0.6 * lag, 0.05][part + 1] AS took_s,
    {from_ns:Int64} + intDiv({length_ns:Int64}, 2) + toInt64(step) * 1400000000 AS begins
SELECT
    fromUnixTimestamp64Nano(begins + toInt64(after_s * 1e9)),
    lower(hex(MD5(concat('job', toString(step))))),
    lower(leftPad(hex(9000000000 + number), 16, '0')),
    if(part = 0, '', lower(leftPad(hex(9000000000 + number - part), 16, '0'))),
    operation, 'Internal', 'trainer',
    map('service.name', 'trainer', 'host.name', concat('trainer-', leftPad(toString(intDiv(rank, 8)), 4, '0')), 'cloud.region', 'us-east',
        'cloud.availability_zone', 'us-east-a', 'gpu.index', toString(rank % 8), 'training.job.id', 'pretrain-bench',
        'training.rank', toString(rank), 'training.dp_rank', toString(intDiv(rank, 4)), 'training.tp_rank', toString(rank % 2),
        'training.pp_rank', toString(intDiv(rank, 2) % 2), 'training.world_size', toString(ranks)),
    map('training.step', toString(step), 'training.phase', phase, 'training.loss', if(part = 0, toString(4 - step / 50), ''),
        'training.collective.op', if(part = 4, 'all_reduce', ''), 'training.collective.group', if(part = 4, 'dp', ''),
        'training.collective.seq', if(part = 4, toString(step), '')),
    toUInt64(greatest(0.001, took_s) * 1e9),
    'Unset'
FROM numbers(toUInt64(ranks * steps * parts))
