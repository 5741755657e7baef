-- XIDs and uncorrectable ECC errors on the job's hosts: from kernel and job logs, and from metrics.
SELECT host, gpu, rank, xid, toUnixTimestamp64Nano(min(at)) AS at_ns, argMin(what, at) AS what
FROM
(
    SELECT HostName AS host, ResourceAttributes['gpu.index'] AS gpu, ${log_rank} AS rank, Timestamp AS at, Body AS what,
        toInt32OrZero(extract(Body, '(?i)xid(?:\\s*\\(pci:[0-9a-f:.]+\\))?\\s*[:=]?\\s*(\\d+)')) AS xid
    FROM rootspan_logs
    WHERE ${in_window}
        AND (${log_of_job} OR HostName IN {hosts:Array(String)})
        AND match(Body, '(?i)\\bxid\\b|uncorrectable ecc|double[- ]bit ecc|fallen off the bus')
    UNION ALL
    SELECT HostName AS host, if(Attributes['gpu.index'] != '', Attributes['gpu.index'], ResourceAttributes['gpu.index']) AS gpu,
        toInt32OrDefault(ResourceAttributes['training.rank'], toInt32(-1)) AS rank,
        TimeUnix AS at, concat(MetricName, ' ', toString(Value), ' ', Attributes['error.type']) AS what,
        multiIf(MetricName = 'DCGM_FI_DEV_XID_ERRORS', toInt32(Value), Attributes['error.type'] = 'xid', toInt32OrZero(Attributes['hw.error.code']), 0) AS xid
    FROM otel_metrics_gauge
    WHERE MetricName IN ('DCGM_FI_DEV_XID_ERRORS', 'DCGM_FI_DEV_ECC_DBE_VOL_TOTAL', 'hw.errors') AND Value > 0
        AND (MetricName != 'hw.errors' OR match(Attributes['error.type'], '(?i)xid|uncorrect|dbe|fatal'))
        AND TimeUnix >= fromUnixTimestamp64Nano({from_ns:Int64}) AND TimeUnix < fromUnixTimestamp64Nano({to_ns:Int64})
        AND HostName IN {hosts:Array(String)}
)
GROUP BY host, gpu, rank, xid
ORDER BY at_ns
LIMIT 256
