-- Use of GPU memory: the least and the most of each GPU.
SELECT HostName AS host, if(Attributes['gpu.index'] != '', Attributes['gpu.index'], ResourceAttributes['gpu.index']) AS gpu,
    min(${gpu_memory}) AS least, max(${gpu_memory}) AS most
FROM otel_metrics_gauge
WHERE MetricName IN ('hw.gpu.memory.usage', 'DCGM_FI_DEV_FB_USED')
    AND TimeUnix >= fromUnixTimestamp64Nano({from_ns:Int64}) AND TimeUnix < fromUnixTimestamp64Nano({to_ns:Int64})
    AND HostName IN {hosts:Array(String)}
GROUP BY host, gpu
