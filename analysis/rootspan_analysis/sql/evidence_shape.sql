-- In how many calls of an operation another operation is called, by minute.
-- Of many calls one trace in so many that some 200,000 remain.
WITH
    (
        SELECT intDiv(count(), 200000) + 1
        FROM rootspan_spans
        WHERE ServiceName = {service:String} AND SpanName = {operation:String}
            AND Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
    ) AS one_in
SELECT
    toStartOfMinute(p.Timestamp) AS minute, count() AS calls, countIf(c.ParentSpanId != '') AS with_it,
    round(countIf(c.ParentSpanId != '') / count(), 4) AS share_with_it
FROM rootspan_spans AS p
LEFT JOIN
(
    SELECT DISTINCT TraceId, ParentSpanId
    FROM rootspan_spans
    WHERE ServiceName = {callee:String} AND SpanName = {child:String} AND ParentSpanId != ''
        AND Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
        AND cityHash64(TraceId) % one_in = 0
) AS c ON p.TraceId = c.TraceId AND p.SpanId = c.ParentSpanId
WHERE p.ServiceName = {service:String} AND p.SpanName = {operation:String}
    AND p.Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND p.Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
    AND cityHash64(p.TraceId) % one_in = 0
GROUP BY minute
ORDER BY minute
