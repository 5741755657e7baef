-- All gauges of a host over time, by device.
SELECT
    MetricName AS metric,
    Gpu AS gpu,
    toInt64(intDiv(toUnixTimestamp(Minute), {step_s:UInt32}) * {step_s:UInt32}) AS at_s,
    sum(ValueSum) / sum(Points) AS value
FROM otel_gauges_1m
WHERE HostName = {host:String}
    AND Minute >= toDateTime({from_s:Int64}, 'UTC') AND Minute < toDateTime({to_s:Int64}, 'UTC')
GROUP BY metric, gpu, at_s
ORDER BY metric, gpu, at_s
