-- In how many calls of an operation another operation is called, by minute.
SELECT
    toStartOfMinute(p.Timestamp) AS minute, count() AS calls, countIf(c.ParentSpanId != '') AS with_it,
    round(countIf(c.ParentSpanId != '') / count(), 4) AS rate
FROM otel_traces AS p
LEFT JOIN
(
    SELECT DISTINCT TraceId, ParentSpanId
    FROM otel_traces
    WHERE ServiceName = {callee:String} AND SpanName = {child:String} AND ParentSpanId != ''
        AND Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
) AS c ON p.TraceId = c.TraceId AND p.SpanId = c.ParentSpanId
WHERE p.ServiceName = {service:String} AND p.SpanName = {operation:String}
    AND p.Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND p.Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
GROUP BY minute
ORDER BY minute
