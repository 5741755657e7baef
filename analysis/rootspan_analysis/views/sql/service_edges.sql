-- Calls between services, of the whole range or of some slices of it: rate, failures, the client's duration, and the edge gap,
-- which is the client's duration without the server's own. Counts are scaled up for the slices and where the senders sampled.
WITH
    chosen AS
    (
        SELECT
            cityHash64(TraceId, SpanId) AS id, ServiceName, Duration, Weight, StatusCode = 'Error' AS failed,
            SpanAttributes['peer.service'] AS peer,
            toFloat64OrNull(SpanAttributes['rootspan.peer.duration_ms']) AS peer_ms
        FROM rootspan_spans
        WHERE Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
            AND SpanKind IN ('Client', 'Producer')
            AND ${in_slices}
            AND ({region:String} = '' OR Region = {region:String})
    ),
    servers AS
    (
        SELECT
            cityHash64(TraceId, ParentSpanId) AS parent, any(ServiceName) AS server_service, max(Duration) / 1e6 AS server_ms
        FROM rootspan_spans
        WHERE ParentSpanId != '' AND SpanKind IN ('Server', 'Consumer')
            AND Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
            AND ${in_slices}
        GROUP BY parent
    )
SELECT
    caller,
    callee,
    sum(toFloat64(Weight)) * {scale:Float64} AS calls,
    sumIf(toFloat64(Weight), failed) * {scale:Float64} AS errors,
    quantileTDigest(0.5)(Duration) / 1e6 AS p50_ms,
    quantileTDigest(0.95)(Duration) / 1e6 AS p95_ms,
    quantileTDigestIf(0.5)(gap_ms, replied) AS gap_p50_ms,
    quantileTDigestIf(0.95)(gap_ms, replied) AS gap_p95_ms,
    count() AS seen
FROM
(
    SELECT
        ServiceName AS caller,
        if(servers.parent != 0, toString(servers.server_service), peer) AS callee,
        Duration, Weight, failed,
        servers.parent != 0 OR peer_ms IS NOT NULL AS replied,
        toFloat32(greatest(0., Duration / 1e6 - ifNull(peer_ms, servers.server_ms))) AS gap_ms
    FROM chosen
    LEFT JOIN servers ON chosen.id = servers.parent
)
WHERE callee != '' AND callee != caller
GROUP BY caller, callee
ORDER BY calls DESC, caller, callee
LIMIT {limit:UInt32}
