-- When each of the lost hosts was last heard of.
SELECT HostName AS host, any(Region) AS region, any(Zone) AS zone, count() AS spans, max(Timestamp) AS last_span
FROM rootspan_spans
WHERE ServiceName = {service:String} AND HostName IN {hosts:Array(String)}
    AND Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
GROUP BY host
ORDER BY last_span
