-- What the ranks told of a job's loss, by step; steps are put together so that there are at most so many rows.
SELECT intDiv(step, {width:UInt32}) * {width:UInt32} AS step, avg(told) AS loss
FROM
(
    SELECT toInt64OrNull(SpanAttributes['training.step']) AS step, toFloat64OrNull(SpanAttributes['training.loss']) AS told
    FROM rootspan_spans
    WHERE JobId = {job:String}
        AND ServiceName IN {services:Array(String)}
        AND Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
        AND mapContains(SpanAttributes, 'training.loss')
)
WHERE step IS NOT NULL AND isFinite(told)
GROUP BY step
ORDER BY step
