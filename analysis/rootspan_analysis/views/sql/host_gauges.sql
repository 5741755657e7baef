-- Points of some gauges of some hosts, oldest first; several devices of a host at one moment are their mean.
SELECT
    HostName AS host,
    MetricName AS metric,
    any(MetricUnit) AS unit,
    toUnixTimestamp64Nano(TimeUnix) AS at_ns,
    avg(Value) AS value
FROM otel_metrics_gauge
WHERE HostName IN {hosts:Array(String)}
    AND MetricName IN {metrics:Array(String)}
    AND TimeUnix >= fromUnixTimestamp64Nano({from_ns:Int64})
    AND TimeUnix < fromUnixTimestamp64Nano({to_ns:Int64})
GROUP BY host, metric, at_ns
ORDER BY host, metric, at_ns
LIMIT {limit:UInt32}
