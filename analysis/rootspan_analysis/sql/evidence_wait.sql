-- Queue wait by minute: of the suspect, and of the same operation elsewhere.
SELECT
    toStartOfMinute(Timestamp) AS minute,
    (empty({hosts:Array(String)}) OR HostName IN {hosts:Array(String)})
        AND ({version:String} = '' OR ServiceVersion = {version:String}) AS suspect,
    count() AS calls,
    round(avg(toFloat64OrZero(SpanAttributes['rootspan.queue.wait_ms'])
        + 1e3 * toFloat64OrZero(SpanAttributes['gen_ai.latency.time_in_queue'])), 2) AS mean_wait_ms,
    countIf(StatusCode = 'Error') AS failed
FROM rootspan_spans
WHERE ServiceName = {service:String} AND SpanName = {operation:String}
    AND Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
GROUP BY minute, suspect
ORDER BY suspect DESC, minute
