-- Who calls whom, out of a sample of traces (one in `modulus`).
SELECT parent.ServiceName AS caller, child.ServiceName AS callee, count() AS calls
FROM
(
    SELECT TraceId, ParentSpanId, ServiceName FROM otel_traces
    WHERE Timestamp >= fromUnixTimestamp({from_s:Int64}) AND Timestamp < fromUnixTimestamp({to_s:Int64})
        AND cityHash64(TraceId) % {modulus:UInt32} = 0 AND SpanKind IN ('Server', 'Consumer')
) AS child
INNER JOIN
(
    SELECT TraceId, SpanId, ServiceName FROM otel_traces
    WHERE Timestamp >= fromUnixTimestamp({from_s:Int64}) AND Timestamp < fromUnixTimestamp({to_s:Int64})
        AND cityHash64(TraceId) % {modulus:UInt32} = 0
) AS parent ON child.TraceId = parent.TraceId AND child.ParentSpanId = parent.SpanId
WHERE caller != callee
GROUP BY caller, callee
