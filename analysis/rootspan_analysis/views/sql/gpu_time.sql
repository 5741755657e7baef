-- GPU time by service and region, from the minutes in which a GPU told its utilisation: all of them, those below a share that
-- counts as idle, and the minutes weighted by utilisation.
SELECT
    service, region,
    count() / 60 AS gpu_hours,
    countIf(used < {idle_below:Float64}) / 60 AS idle_hours,
    sum(used) / 60 AS busy_hours,
    uniqExact(host, gpu) AS gpus
FROM
(
    SELECT
        ServiceName AS service, Region AS region, HostName AS host, Gpu AS gpu, Minute,
        sum(ValueSum) / sum(Points) AS used
    FROM otel_gauges_1m
    WHERE MetricName = 'hw.gpu.utilization'
        AND Minute >= toDateTime({from_s:Int64}, 'UTC') AND Minute < toDateTime({to_s:Int64}, 'UTC')
        AND ({region:String} = '' OR Region = {region:String})
    GROUP BY service, region, host, gpu, Minute
)
GROUP BY service, region
ORDER BY gpu_hours DESC, service, region
