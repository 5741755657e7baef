-- Processor use by service, host and minute: with its own history, which does not depend on requests.
SELECT
    metric, service, host, groupArray(minute_s) AS minutes, groupArray(mean) AS value
FROM
(
    SELECT
        MetricName AS metric, ServiceName AS service, HostName AS host,
        toInt64(toUnixTimestamp(Minute)) AS minute_s, sum(ValueSum) / sum(Points) AS mean
    FROM otel_gauges_1m
    WHERE MetricName IN {metrics:Array(String)} AND ServiceName != ''
        AND Minute >= fromUnixTimestamp({from_s:Int64}) AND Minute < fromUnixTimestamp({to_s:Int64})
        AND ({service:String} = '' OR ServiceName = {service:String})
    GROUP BY metric, service, host, minute_s
)
GROUP BY metric, service, host
