-- Requests that services answered, by time bucket of their begin, with a log histogram of durations.
SELECT
    service, operation, bucket,
    sum(n) AS requests, sum(e) AS errors, sum(d) / 1e9 AS total_s,
    groupArray(bin) AS bins, groupArray(n) AS counts
FROM
(
    SELECT
        ServiceName AS service,
        SpanName AS operation,
        intDiv(toUnixTimestamp(Timestamp), {step_s:UInt32}) * {step_s:UInt32} AS bucket,
        toInt16(floor(log2(greatest(Duration, 1)) * 8)) AS bin,
        count() AS n,
        countIf(StatusCode = 'Error') AS e,
        sum(Duration) AS d
    FROM otel_traces
    WHERE Timestamp >= fromUnixTimestamp({from_s:Int64}) AND Timestamp < fromUnixTimestamp({to_s:Int64})
        AND (SpanKind IN ('Server', 'Consumer') OR (ServiceName IN {others:Array(String)} AND SpanKind NOT IN ('Client', 'Producer')))
        AND JobId = ''
        AND NOT Unfinished
    GROUP BY service, operation, bucket, bin
)
GROUP BY service, operation, bucket
