-- Calls between services by both ends' places: the gap is the client's duration without the server's own.
-- The server's duration stands on the client span, or is its child's in another service. A failed call without
-- either was not answered. Of a large fleet, pairs of hosts are too many: each side is told by host in turn.
WITH
    chosen AS
    (
        SELECT
            Id, Timestamp, ServiceName, HostName, Region, Zone, Duration, toFloat64(Weight) * {modulus:UInt32} AS weight_of_one,
            Failed, Peer, Address, toFloat64(PeerMs) AS peer_ms
        FROM ${spans}
        WHERE Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
            AND ({modulus:UInt32} = 1 OR TraceHash % {modulus:UInt32} = 0)
            AND SpanKind IN ('Client', 'Producer')
            AND ({job:String} = '' OR JobId = {job:String})
            ${only_service}
    ),
    servers AS
    (
        SELECT
            Parent,
            any(ServiceName) AS server_service, any(HostName) AS server_host, any(Region) AS server_region,
            any(Zone) AS server_zone, max(Duration) / 1e6 AS server_ms, max(Failed) AS server_failed
        FROM ${spans}
        WHERE Parent != 0 AND SpanKind IN ('Server', 'Consumer')
            AND Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
            AND ({modulus:UInt32} = 1 OR TraceHash % {modulus:UInt32} = 0)
        GROUP BY Parent
    ),
    calls AS
    (
        SELECT
            side, ServiceName AS caller, if(side = 'callee', '', HostName) AS caller_host, Region AS caller_region, Zone AS caller_zone,
            if(servers.Parent != 0, servers.server_service, Peer) AS callee,
            if(side = 'caller', '', if(servers.Parent != 0, servers.server_host, Address)) AS callee_host,
            servers.server_region AS callee_region, servers.server_zone AS callee_zone,
            toInt32(floor((toUnixTimestamp64Nano(Timestamp) - {origin_ns:Int64}) / {bucket_ns:Int64})) AS bucket,
            servers.Parent != 0 OR peer_ms IS NOT NULL AS replied,
            greatest(0., Duration / 1e6 - ifNull(peer_ms, servers.server_ms)) * replied AS call_gap_ms,
            Duration / 1e6 AS client_ms, Failed AND NOT servers.server_failed AS origin, weight_of_one
        FROM chosen
        LEFT JOIN servers ON chosen.Id = servers.Parent
        ARRAY JOIN {sides:Array(String)} AS side
        WHERE callee != '' AND callee != caller
    )
SELECT
    side, caller, caller_host, caller_region, caller_zone, callee, callee_host, callee_region, callee_zone,
    groupArray(bucket) AS buckets, groupArray(n) AS n, groupArray(weight) AS weight, groupArray(answered) AS answered,
    groupArray(log_sum) AS log_sum, groupArray(gap_ms) AS gap_ms, groupArray(errors) AS errors, groupArray(lost_ms) AS lost_ms
FROM
(
    SELECT
        side, caller, caller_host, caller_region, caller_zone, callee, callee_host, callee_region, callee_zone, bucket,
        toFloat64(count()) AS n, sum(weight_of_one) AS weight, toFloat64(countIf(replied)) AS answered,
        sum(if(replied, log(call_gap_ms * 1e3 + 10), 0)) AS log_sum, sum(call_gap_ms) AS gap_ms,
        toFloat64(countIf(origin)) AS errors, sumIf(client_ms, NOT replied) AS lost_ms
    FROM calls
    GROUP BY side, caller, caller_host, caller_region, caller_zone, callee, callee_host, callee_region, callee_zone, bucket
)
GROUP BY side, caller, caller_host, caller_region, caller_zone, callee, callee_host, callee_region, callee_zone
