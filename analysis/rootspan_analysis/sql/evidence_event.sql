-- A named event, by minute, who told it, and the host it is about.
SELECT toStartOfMinute(Timestamp) AS minute, ServiceName AS service,
    if(LogAttributes['host.name'] = '', HostName, LogAttributes['host.name']) AS host, LogAttributes['hw.error.code'] AS code,
    count() AS events, any(Body) AS example
FROM rootspan_logs
WHERE EventName = {event:String} AND SeverityNumber >= 13
    AND Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
GROUP BY minute, service, host, code
ORDER BY minute, events DESC
LIMIT 100
