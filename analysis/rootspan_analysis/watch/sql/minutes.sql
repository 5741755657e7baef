-- The same by whole minutes, from the rollup: what is usual.
SELECT
    ServiceName AS service, SpanName AS operation, toUnixTimestamp(Minute) AS bucket,
    sum(Spans) AS requests, sum(Errors) AS errors, sum(DurationSum) / 1e9 AS total_s,
    sumMap(DurationHistogram) AS histogram, mapKeys(histogram) AS bins, mapValues(histogram) AS counts
FROM otel_spans_1m
WHERE Minute >= fromUnixTimestamp({from_s:Int64}) AND Minute < fromUnixTimestamp({to_s:Int64})
    AND (SpanKind IN ('Server', 'Consumer') OR (ServiceName IN {others:Array(String)} AND SpanKind NOT IN ('Client', 'Producer')))
GROUP BY service, operation, bucket
