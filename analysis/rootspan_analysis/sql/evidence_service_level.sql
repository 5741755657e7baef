-- A service's own gauge over time.
SELECT toStartOfMinute(TimeUnix) AS minute, any(MetricName) AS metric, ServiceName AS service, round(avg(Value), 6) AS mean
FROM otel_metrics_gauge
WHERE MetricName = {metric:String} AND ServiceName = {service:String}
    AND lower(Attributes['statistic']) IN ('', 'average', 'mean', 'sum')
    AND TimeUnix >= fromUnixTimestamp64Nano({from_ns:Int64}) AND TimeUnix < fromUnixTimestamp64Nano({to_ns:Int64})
GROUP BY minute, service
ORDER BY minute
