-- Latest log record and gauge of each host: whether a host that serves no requests is alive.
SELECT host, max(last_s) AS last_s
FROM
(
    SELECT HostName AS host, toInt64(toUnixTimestamp(max(Timestamp))) AS last_s
    FROM rootspan_logs
    WHERE Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
        AND HostName != ''
    GROUP BY host
    UNION ALL
    SELECT HostName AS host, toInt64(toUnixTimestamp(max(TimeUnix))) AS last_s
    FROM otel_metrics_gauge
    WHERE TimeUnix >= fromUnixTimestamp64Nano({from_ns:Int64}) AND TimeUnix < fromUnixTimestamp64Nano({to_ns:Int64})
        AND HostName != ''
    GROUP BY host
)
GROUP BY host
