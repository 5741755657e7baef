-- Services that answer nobody by a server or consumer span: for them all their own spans count.
SELECT ServiceName AS service
FROM otel_spans_1m
WHERE Minute >= fromUnixTimestamp({from_s:Int64}) AND Minute < fromUnixTimestamp({to_s:Int64})
GROUP BY service
HAVING countIf(SpanKind IN ('Server', 'Consumer')) = 0
