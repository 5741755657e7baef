-- What hosts say of themselves in a slice of time: drivers, kernels and where they are connected.
SELECT host, fact.1 AS name, fact.2 AS value, toUnixTimestamp64Nano(min(at)) AS first_ns, toUnixTimestamp64Nano(max(at)) AS last_ns
FROM
(
    SELECT
        HostName AS host, Timestamp AS at,
        arrayJoin(arrayMap(name -> (name, ResourceAttributes[name]), {names:Array(String)})) AS fact
    FROM otel_traces
    WHERE Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
        AND HostName != ''
    UNION ALL
    SELECT
        HostName AS host, TimeUnix AS at,
        arrayJoin(arrayMap(name -> (name, ResourceAttributes[name]), {names:Array(String)})) AS fact
    FROM otel_metrics_gauge
    WHERE TimeUnix >= fromUnixTimestamp64Nano({gauges_from_ns:Int64}) AND TimeUnix < fromUnixTimestamp64Nano({to_ns:Int64})
        AND HostName != ''
)
WHERE value != ''
GROUP BY host, name, value
