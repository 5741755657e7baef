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
