-- The fleet's inventory: where each host is, and which versions it ran since when.
SELECT
    ServiceName AS service, HostName AS host, ServiceVersion AS version,
    any(Region) AS region, any(Zone) AS zone, any(Rack) AS rack, any(Switch) AS switch,
    toUnixTimestamp64Nano(min(FirstSeen)) AS first_ns, toUnixTimestamp64Nano(max(LastSeen)) AS last_ns
FROM otel_instances
WHERE LastSeen >= fromUnixTimestamp64Nano({from_ns:Int64}) AND FirstSeen < fromUnixTimestamp64Nano({to_ns:Int64})
GROUP BY service, host, version
