-- Gauges of some hosts by service, host, GPU and time bucket. What belongs to no service or host is left out.
SELECT
    MetricName AS metric, ServiceName AS service, HostName AS host, Gpu AS gpu,
    groupArray(bucket) AS buckets, groupArray(points) AS n, groupArray(sums) AS total
FROM
(
    SELECT
        MetricName, ServiceName, HostName, Gpu,
        toInt32(floor((toInt64(toUnixTimestamp(Minute)) * 1000000000 + 30000000000 - {origin_ns:Int64}) / {bucket_ns:Int64})) AS bucket,
        toFloat64(sum(Points)) AS points, sum(ValueSum) AS sums
    FROM otel_gauges_1m
    WHERE Minute >= fromUnixTimestamp(intDiv({from_ns:Int64}, 1000000000))
        AND Minute < fromUnixTimestamp(intDiv({to_ns:Int64}, 1000000000))
        AND MetricName IN {metrics:Array(String)} AND HostName IN {hosts:Array(String)}
    GROUP BY MetricName, ServiceName, HostName, Gpu, bucket
)
GROUP BY metric, service, host, gpu
