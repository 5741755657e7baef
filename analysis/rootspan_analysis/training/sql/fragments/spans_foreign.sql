(
    SELECT *
    FROM
    (
        -- Names of others: NeMo Lens (dl.*, nv.dl.*), SGLang (bare tp_rank, ...), Datadog (pytorch.rank).
        WITH
            mapUpdate(ResourceAttributes, SpanAttributes) AS both,
            (names -> arrayFirst(value -> value != '', arrayMap(name -> both[name], names))) AS first_of
        SELECT
            toInt32OrDefault(first_of(['training.rank', 'dl.rank', 'nv.dl.rank', 'pytorch.rank', 'rank']), toInt32(-1)) AS rank,
            toInt32OrDefault(first_of(['training.dp_rank', 'dl.data_parallel.rank', 'nv.dl.data_parallel.rank', 'dp_rank']), toInt32(-1)) AS dp,
            toInt32OrDefault(first_of(['training.tp_rank', 'dl.tensor_parallel.rank', 'nv.dl.tensor_parallel.rank', 'tp_rank']), toInt32(-1)) AS tp,
            toInt32OrDefault(first_of(['training.pp_rank', 'dl.pipeline_parallel.rank', 'nv.dl.pipeline_parallel.rank', 'pp_rank']), toInt32(-1)) AS pp,
            toInt64OrDefault(first_of(['training.step', 'dl.iteration', 'nv.dl.iteration', 'pytorch.step', 'iteration', 'global_step']), toInt64(-1)) AS step,
            toInt32OrDefault(first_of(['training.microbatch', 'dl.microbatch', 'nv.dl.microbatch', 'microbatch']), toInt32(-1)) AS microbatch,
            first_of(['training.op', 'training.collective.op', 'training.phase']) AS given,
            toLowCardinality(if(given = '', toString(SpanName), given)) AS op,
            ${phase} AS phase,
            ${is_step} AS is_step,
            HostName AS host, Gpu AS gpu, SpanName AS name, SpanAttributes AS attributes,
            toUnixTimestamp64Nano(Timestamp) AS start_ns, Duration AS duration_ns, Unfinished AS unfinished
        FROM otel_traces
        WHERE ${in_window}
            AND ServiceName IN {services:Array(String)} AND JobId = {job_id:String}
    )
    WHERE {step_modulus:UInt32} = 1 OR step % {step_modulus:UInt32} = 0
)
