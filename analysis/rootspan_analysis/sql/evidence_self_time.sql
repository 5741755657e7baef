-- Self time by minute: of the suspect, and of the same operation elsewhere.
SELECT
    toStartOfMinute(s.Timestamp) AS minute,
    (empty({hosts:Array(String)}) OR s.HostName IN {hosts:Array(String)})
        AND ({version:String} = '' OR s.ServiceVersion = {version:String})
        AND ({model:String} = '' OR {model:String} IN (s.SpanAttributes['gen_ai.request.model'], s.SpanAttributes['gen_ai.response.model'])) AS suspect,
    count() AS calls,
    round(avg(greatest(0, toInt64(s.Duration) - toInt64(c.busy_ns))) / 1e6, 3) AS mean_self_ms,
    round(quantile(0.99)(greatest(0, toInt64(s.Duration) - toInt64(c.busy_ns))) / 1e6, 3) AS p99_self_ms
FROM rootspan_spans AS s
LEFT JOIN
(
    SELECT
        TraceId, ParentSpanId,
        intervalLengthSum(toUnixTimestamp64Nano(Timestamp), toUnixTimestamp64Nano(Timestamp) + toInt64(Duration)) AS busy_ns
    FROM rootspan_spans
    WHERE ParentSpanId != '' AND (TraceId, ParentSpanId) IN (
            SELECT TraceId, SpanId FROM rootspan_spans
            WHERE ServiceName = {service:String} AND SpanName = {operation:String}
                AND Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64}))
        AND Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
    GROUP BY TraceId, ParentSpanId
) AS c ON s.TraceId = c.TraceId AND s.SpanId = c.ParentSpanId
WHERE s.ServiceName = {service:String} AND s.SpanName = {operation:String}
    AND s.Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND s.Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
GROUP BY minute, suspect
ORDER BY suspect DESC, minute
