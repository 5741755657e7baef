-- What services report of themselves as gauges (latency, availability, requests), by time bucket.
-- Where a metric is reported as several statistics, its mean (or, for counts, its sum) is read.
SELECT
    service, metric, groupArray(bucket) AS buckets, groupArray(mean) AS value
FROM
(
    SELECT
        ServiceName AS service, MetricName AS metric,
        toInt32(floor((toUnixTimestamp64Nano(TimeUnix) - {origin_ns:Int64}) / {bucket_ns:Int64})) AS bucket,
        avg(Value) AS mean
    FROM otel_metrics_gauge
    WHERE MetricName IN {metrics:Array(String)} AND ServiceName != '' AND isFinite(Value)
        AND TimeUnix >= fromUnixTimestamp64Nano({from_ns:Int64}) AND TimeUnix < fromUnixTimestamp64Nano({to_ns:Int64})
        AND lower(Attributes['statistic']) IN ('', 'average', 'mean', 'sum')
        AND ({service:String} = '' OR ServiceName = {service:String})
    GROUP BY service, metric, bucket
    ORDER BY bucket
)
GROUP BY service, metric
ORDER BY service, metric
