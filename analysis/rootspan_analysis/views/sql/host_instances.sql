-- What ran on a host in the range: services, versions and GPUs, with its place.
SELECT
    ServiceName AS service, ServiceVersion AS version, Region AS region, Zone AS zone, Rack AS rack, Switch AS switch, Gpu AS gpu,
    toUnixTimestamp64Nano(min(FirstSeen)) AS first_ns,
    toUnixTimestamp64Nano(max(LastSeen)) AS last_ns
FROM otel_instances
WHERE HostName = {host:String}
    AND LastSeen >= fromUnixTimestamp64Nano({from_ns:Int64}) AND FirstSeen < fromUnixTimestamp64Nano({to_ns:Int64})
GROUP BY service, version, region, zone, rack, switch, gpu
ORDER BY service, gpu, version
