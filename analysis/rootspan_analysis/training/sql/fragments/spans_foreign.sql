(
    -- Names of others: NeMo Lens (dl.*, nv.dl.*), SGLang (bare tp_rank, ...), Datadog (pytorch.rank), and
    -- PyTorch's flight recorder.
    WITH
        mapUpdate(ResourceAttributes, SpanAttributes) AS both,
        (names -> arrayFirst(value -> value != '', arrayMap(name -> both[name], names))) AS first_of
    SELECT
        toInt32OrDefault(first_of(['training.rank', 'dl.rank', 'nv.dl.rank', 'pytorch.rank', 'rank']), toInt32(-1)) AS rank,
        toInt32OrDefault(first_of(['training.dp_rank', 'dl.data_parallel.rank', 'nv.dl.data_parallel.rank', 'dp_rank']), toInt32(-1)) AS dp,
        toInt32OrDefault(first_of(['training.tp_rank', 'dl.tensor_parallel.rank', 'nv.dl.tensor_parallel.rank', 'tp_rank']), toInt32(-1)) AS tp,
        toInt32OrDefault(first_of(['training.pp_rank', 'dl.pipeline_parallel.rank', 'nv.dl.pipeline_parallel.rank', 'pp_rank']), toInt32(-1)) AS pp,
        toUInt32OrZero(first_of(['training.world_size', 'dl.world_size', 'nv.dl.world_size', 'pytorch.world_size'])) AS world_size,
        HostName AS host, Gpu AS gpu, ResourceAttributes['network.switch'] AS switch,
        toInt64OrDefault(first_of(['training.step', 'dl.iteration', 'nv.dl.iteration', 'pytorch.step', 'iteration', 'global_step']), toInt64(-1)) AS step,
        match(lower(SpanName), '^((dl|nv[.]dl|train(ing)?)[._ -]?(step|iteration|iter)|profilerstep#[0-9]+|step|iteration)\\z') AS is_step,
        toInt32OrDefault(first_of(['training.microbatch', 'dl.microbatch', 'nv.dl.microbatch', 'microbatch']), toInt32(-1)) AS microbatch,
        first_of(['training.op', 'training.collective.op', 'training.phase']) AS given,
        toLowCardinality(if(given = '', toString(SpanName), given)) AS op,
        toLowCardinality(${phase}) AS phase,
        SpanName AS name,
        CAST(map(), 'Map(LowCardinality(String), Float64)') AS phase_seconds,
        arrayStringConcat(arrayFilter((name, value) -> match(name, 'loss|grad') AND lower(value) IN ('nan', '-nan', 'inf', '-inf', '+inf', 'infinity'),
            mapKeys(SpanAttributes), mapValues(SpanAttributes)), ', ') AS nonfinite,
        SpanAttributes AS told,
        ${collective_columns},
        toUnixTimestamp64Nano(Timestamp) AS start_ns, Duration AS duration_ns, Unfinished AS unfinished
    FROM rootspan_spans
    WHERE ${in_window}
        AND ServiceName IN {services:Array(String)} AND JobId = {job_id:String}
        AND ({step_modulus:UInt32} = 1 OR step % {step_modulus:UInt32} = 0)
)
