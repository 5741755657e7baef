-- A gauge by minute.
SELECT Minute AS minute, any(MetricName) AS metric, ServiceName AS service, HostName AS host, Gpu AS gpu,
    round(sum(ValueSum) / sum(Points), 4) AS mean, min(ValueMin) AS least, max(ValueMax) AS most
FROM otel_gauges_1m
WHERE MetricName = {metric:String}
    AND (({host:String} = '' AND ServiceName = {service:String}) OR ({host:String} != '' AND HostName = {host:String}))
    AND Minute >= toStartOfMinute(fromUnixTimestamp64Nano({from_ns:Int64})) AND Minute < fromUnixTimestamp64Nano({to_ns:Int64})
GROUP BY minute, service, host, gpu
ORDER BY minute
