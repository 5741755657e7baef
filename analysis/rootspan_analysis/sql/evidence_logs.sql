-- Records of one template by minute, with an example.
SELECT toStartOfMinute(Timestamp) AS minute, HostName AS host, Severity AS severity, count() AS records, any(Body) AS example
FROM otel_logs
WHERE ServiceName = {service:String}
    AND Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
    AND substring(replaceRegexpAll(
            substring(Body, 1, 400),
            '[0-9a-fA-F]{8,}(-[0-9a-fA-F]{4,})*|[+-]?[0-9]+([.,:][0-9]+)*|"[^"]*"|''[^'']*''', '#'), 1, 160) = {template:String}
GROUP BY minute, host, severity
ORDER BY minute
