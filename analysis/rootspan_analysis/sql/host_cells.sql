-- Calls of operations by host and time bucket, of all spans, from the minutes' rollup: what a sample has too few calls of.
-- Durations include what was waited for, so hosts are compared with their peers. Histogram bin b holds [2^(b/8), 2^((b+1)/8)) ns.
SELECT
    service, operation, host, region, zone, version, '' AS gpu, '' AS model,
    groupArray(bucket) AS buckets, groupArray(n) AS n, groupArray(weight) AS weight, groupArray(log_sum) AS log_sum,
    groupArray(total_ms) AS self_ms, groupArray(errors) AS errors
FROM
(
    SELECT
        ServiceName AS service, SpanName AS operation, HostName AS host, Region AS region, Zone AS zone, ServiceVersion AS version,
        toInt32(floor((toInt64(toUnixTimestamp(Minute)) * 1000000000 + 30000000000 - {origin_ns:Int64}) / {bucket_ns:Int64})) AS bucket,
        toFloat64(sum(Spans)) AS n, sum(WeightedSpans) AS weight, toFloat64(sum(Errors)) AS errors, sum(DurationSum) / 1e6 AS total_ms,
        sum(arraySum((bin, many) -> many * log(exp2((bin + 0.5) / 8) / 1e3 + 10), mapKeys(DurationHistogram), mapValues(DurationHistogram))) AS log_sum
    FROM otel_spans_1m
    WHERE Minute >= fromUnixTimestamp(intDiv({from_ns:Int64}, 1000000000)) AND Minute < fromUnixTimestamp(intDiv({to_ns:Int64}, 1000000000))
        AND SpanKind NOT IN ('Client', 'Producer') AND HostName != '' AND ServiceName IN {services:Array(String)}
    GROUP BY service, operation, host, region, zone, version, bucket
)
GROUP BY service, operation, host, region, zone, version
