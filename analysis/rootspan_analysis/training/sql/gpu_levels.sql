-- Clock, throttling, temperature and memory of each GPU of the job's hosts.
SELECT HostName AS host, if(Attributes['gpu.index'] != '', Attributes['gpu.index'], ResourceAttributes['gpu.index']) AS gpu,
    MetricName AS metric, avg(Value) AS value
FROM otel_metrics_gauge
WHERE MetricName IN ('hw.gpu.clock', 'hw.gpu.throttled', 'hw.temperature', 'DCGM_FI_DEV_SM_CLOCK', 'DCGM_FI_DEV_GPU_TEMP')
    AND TimeUnix >= fromUnixTimestamp64Nano({from_ns:Int64}) AND TimeUnix < fromUnixTimestamp64Nano({to_ns:Int64})
    AND HostName IN {hosts:Array(String)}
GROUP BY host, gpu, metric
