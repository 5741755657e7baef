-- What a job's steps did: tokens that ranks said they trained on, and the seconds that ranks spent in steps, of one step in so many.
-- All ranks' steps of one number share a trace, so a step is read whole or not at all.
SELECT
    max(ResourceAttributes['training.workload']) AS workload,
    uniqExact(TraceId) AS steps,
    sum(Duration) / 1e9 AS rank_s,
    sum(toFloat64OrZero(SpanAttributes['training.tokens_per_second']) * Duration) / 1e9 AS tokens,
    uniqExactIf(ResourceAttributes['training.rank'], SpanAttributes['training.tokens_per_second'] != '') AS telling_ranks
FROM rootspan_spans
WHERE ${in_window} AND ServiceName IN {services:Array(String)} AND JobId = {job_id:String} AND SpanName = 'train.step'
    AND NOT Unfinished AND ({step_modulus:UInt32} = 1 OR cityHash64(TraceId) % {step_modulus:UInt32} = 0)
