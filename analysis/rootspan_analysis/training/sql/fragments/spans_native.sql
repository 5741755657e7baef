(
    SELECT *
    FROM
    (
        SELECT
            toInt32OrDefault(if(ResourceAttributes['training.rank'] = '', SpanAttributes['training.rank'], ResourceAttributes['training.rank']), toInt32(-1)) AS rank,
            toInt32OrDefault(if(ResourceAttributes['training.dp_rank'] = '', SpanAttributes['training.dp_rank'], ResourceAttributes['training.dp_rank']), toInt32(-1)) AS dp,
            toInt32OrDefault(if(ResourceAttributes['training.tp_rank'] = '', SpanAttributes['training.tp_rank'], ResourceAttributes['training.tp_rank']), toInt32(-1)) AS tp,
            toInt32OrDefault(if(ResourceAttributes['training.pp_rank'] = '', SpanAttributes['training.pp_rank'], ResourceAttributes['training.pp_rank']), toInt32(-1)) AS pp,
            toInt64OrDefault(SpanAttributes['training.step'], toInt64(-1)) AS step,
            toInt32OrDefault(SpanAttributes['training.microbatch'], toInt32(-1)) AS microbatch,
            toLowCardinality(multiIf(SpanAttributes['training.op'] != '', SpanAttributes['training.op'],
                SpanAttributes['training.collective.op'] != '', SpanAttributes['training.collective.op'],
                SpanAttributes['training.phase'] != '', SpanAttributes['training.phase'], toString(SpanName))) AS op,
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
