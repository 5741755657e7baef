-- Records of one template by minute, with an example.
SELECT toStartOfMinute(Timestamp) AS minute, HostName AS host, Severity AS severity, count() AS records, any(Body) AS example
FROM rootspan_logs
WHERE ServiceName = {service:String}
    AND Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
    AND ${log_template} = {template:String}
GROUP BY minute, host, severity
ORDER BY minute
