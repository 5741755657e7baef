-- Calls between services by both ends' places: the gap is the client's duration without the server's own.
-- The server's duration stands on the client span, or is its child's in another service. A failed call without
-- either was not answered.
WITH
    chosen AS
    (
        SELECT
            cityHash64(TraceId, SpanId) AS id,
            Timestamp, SpanName, ServiceName, HostName, Region, Zone, Duration, Weight,
            StatusCode = 'Error' AS failed,
            SpanAttributes['peer.service'] AS peer,
            SpanAttributes['server.address'] AS address,
            toFloat64OrNull(SpanAttributes['rootspan.peer.duration_ms']) AS peer_ms
        FROM rootspan_spans
        WHERE Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
            AND SpanKind IN ('Client', 'Producer')
            AND ({modulus:UInt32} = 1 OR cityHash64(TraceId) % {modulus:UInt32} = 0)
            AND ({job:String} = '' OR JobId = {job:String})
            ${only_service}
    ),
    servers AS
    (
        SELECT
            cityHash64(TraceId, ParentSpanId) AS parent,
            any(ServiceName) AS server_service, any(HostName) AS server_host, any(Region) AS server_region,
            any(Zone) AS server_zone, max(Duration) / 1e6 AS server_ms, max(StatusCode = 'Error') AS server_failed
        FROM rootspan_spans
        WHERE ParentSpanId != '' AND SpanKind IN ('Server', 'Consumer')
            AND Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
            AND ({modulus:UInt32} = 1 OR cityHash64(TraceId) % {modulus:UInt32} = 0)
        GROUP BY parent
    ),
    calls AS
    (
        SELECT
            ServiceName AS caller, HostName AS caller_host, Region AS caller_region, Zone AS caller_zone,
            if(servers.parent != 0, servers.server_service, peer) AS callee,
            if(servers.parent != 0, servers.server_host, address) AS callee_host,
            servers.server_region AS callee_region, servers.server_zone AS callee_zone,
            toInt32(floor((toUnixTimestamp64Nano(Timestamp) - {origin_ns:Int64}) / {bucket_ns:Int64})) AS bucket,
            servers.parent != 0 OR peer_ms IS NOT NULL AS replied,
            greatest(0., Duration / 1e6 - ifNull(peer_ms, servers.server_ms)) * replied AS call_gap_ms,
            Duration / 1e6 AS client_ms, failed AND NOT servers.server_failed AS origin, Weight
        FROM chosen
        LEFT JOIN servers ON chosen.id = servers.parent
        WHERE callee != '' AND callee != caller
    )
SELECT
    caller, caller_host, caller_region, caller_zone, callee, callee_host, callee_region, callee_zone,
    groupArray(bucket) AS buckets, groupArray(n) AS n, groupArray(weight) AS weight, groupArray(answered) AS answered,
    groupArray(log_sum) AS log_sum, groupArray(gap_ms) AS gap_ms, groupArray(errors) AS errors, groupArray(lost_ms) AS lost_ms
FROM
(
    SELECT
        caller, caller_host, caller_region, caller_zone, callee, callee_host, callee_region, callee_zone, bucket,
        toFloat64(count()) AS n, sum(toFloat64(Weight)) AS weight, toFloat64(countIf(replied)) AS answered,
        sum(if(replied, log(call_gap_ms * 1e3 + 10), 0)) AS log_sum, sum(call_gap_ms) AS gap_ms,
        toFloat64(countIf(origin)) AS errors, sumIf(client_ms, NOT replied) AS lost_ms
    FROM calls
    GROUP BY caller, caller_host, caller_region, caller_zone, callee, callee_host, callee_region, callee_zone, bucket
)
GROUP BY caller, caller_host, caller_region, caller_zone, callee, callee_host, callee_region, callee_zone
