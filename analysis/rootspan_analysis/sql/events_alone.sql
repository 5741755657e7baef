-- Named events about machines within the window that the same machine did not tell in the day before.
SELECT
    EventName AS event, if(LogAttributes['host.name'] = '', HostName, LogAttributes['host.name']) AS host,
    if(startsWith(EventName, 'k8s.pod.'), LogAttributes['k8s.pod.name'], LogAttributes['hw.error.code']) AS code,
    anyIf(LogAttributes['gpu.pci_address'], Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64})) AS pci,
    any(Region) AS region,
    toUnixTimestamp64Nano(minIf(Timestamp, Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}))) AS first_ns,
    countIf(Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64})) AS told,
    countIf(Timestamp < fromUnixTimestamp64Nano({from_ns:Int64})) AS before,
    anyIf(substring(Body, 1, 300), Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64})) AS example
FROM rootspan_logs
WHERE Timestamp >= fromUnixTimestamp64Nano({past_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
    AND EventName IN {events:Array(String)} AND SeverityNumber >= 13 AND host != ''
    AND ({service:String} = '' OR ServiceName = {service:String})
GROUP BY event, host, code
HAVING told > 0 AND before = 0
ORDER BY first_ns
LIMIT 1000
