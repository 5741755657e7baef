-- GPU memory in use over time: of the accused host or its GPU, and the median of the job's other GPUs.
SELECT began, suspect, if(suspect, max(used), quantileExact(0.5)(used)) AS memory_bytes, count() AS gpus
FROM
(
    SELECT toStartOfInterval(TimeUnix, toIntervalSecond({every_s:UInt32})) AS began,
        HostName = {host:String} AND ({gpu:String} = '' OR gpu = {gpu:String}) AS suspect,
        HostName, if(Attributes['gpu.index'] != '', Attributes['gpu.index'], ResourceAttributes['gpu.index']) AS gpu,
        max(${gpu_memory}) AS used
    FROM otel_metrics_gauge
    WHERE MetricName IN ('hw.gpu.memory.usage', 'DCGM_FI_DEV_FB_USED')
        AND TimeUnix >= fromUnixTimestamp64Nano({from_ns:Int64}) AND TimeUnix < fromUnixTimestamp64Nano({to_ns:Int64})
        AND HostName IN {hosts:Array(String)}
    GROUP BY began, HostName, gpu
)
GROUP BY began, suspect
ORDER BY began, suspect
