-- A gauge by service, host and bucket of time: the mean over a host's devices and the highest single value.
SELECT
    ServiceName AS service,
    HostName AS host,
    toInt64(intDiv(toUnixTimestamp(Minute), {step_s:UInt32}) * {step_s:UInt32}) AS at_s,
    sum(ValueSum) / sum(Points) AS mean_value,
    max(ValueMax) AS max_value
FROM otel_gauges_1m
WHERE MetricName = {metric:String}
    AND Minute >= toDateTime({from_s:Int64}, 'UTC') AND Minute < toDateTime({to_s:Int64}, 'UTC')
    AND ({service:String} = '' OR ServiceName = {service:String})
    AND ({region:String} = '' OR Region = {region:String})
    AND HostName != ''
GROUP BY service, host, at_s
ORDER BY service, host, at_s
