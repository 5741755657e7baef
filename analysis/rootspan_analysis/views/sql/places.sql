-- Every service on every host, with its place, that was seen in the range.
SELECT
    ServiceName AS service, HostName AS host,
    any(Region) AS region, any(Zone) AS zone, any(Rack) AS rack, any(Switch) AS switch
FROM otel_instances
WHERE LastSeen >= fromUnixTimestamp64Nano({from_ns:Int64}) AND FirstSeen < fromUnixTimestamp64Nano({to_ns:Int64})
GROUP BY service, host
ORDER BY service, region, zone, host
