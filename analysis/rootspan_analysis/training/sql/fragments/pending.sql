SELECT
    rank, group, seq, p2p, argMax(what, length(what)) AS op, max(description) AS description, max(peer) AS peer,
    minIf(begin_ns, begin_ns > 0) AS created_ns, max(timeout_ms) AS timeout_ms, max(seen_ns) AS said_ns,
    max(host) AS host, max(gpu) AS gpu
FROM
(
    SELECT
        rank, group, seq, p2p, description, peer, timeout_ms, host, gpu,
        if(phase = 'collective' AND op != '', toString(op), toString(name)) AS what,
        start_ns AS begin_ns, toInt64(0) AS seen_ns
    FROM ${spans}
    WHERE unfinished AND (phase = 'collective' OR seq >= 0)
    UNION ALL
    SELECT rank, group, seq, p2p, description, peer, timeout_ms, host, gpu, what, begin_ns, seen_ns
    FROM
    (
        SELECT
            ${log_rank} AS rank,
            HostName AS host, ResourceAttributes['gpu.index'] AS gpu, LogAttributes AS told,
            ${collective_columns},
            multiIf(told['training.collective.op'] != '', told['training.collective.op'],
                told['profiling_name'] != '', told['profiling_name'],
                replaceOne(Body, 'collective.pending ', '')) AS what,
            toUnixTimestamp64Nano(Timestamp) AS seen_ns,
            multiIf(told['time_created_ns'] != '', toInt64OrDefault(told['time_created_ns'], toInt64(0)),
                told['training.collective.age_s'] != '', seen_ns - toInt64(1e9 * toFloat64OrZero(told['training.collective.age_s'])),
                toInt64(0)) AS begin_ns
        FROM rootspan_logs
        WHERE Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64})
            -- A dump that ends the window stands at its very end.
            AND Timestamp <= fromUnixTimestamp64Nano({to_ns:Int64} + 1000000000)
            AND EventName = 'collective.pending'
            AND ${log_of_job}
    )
)
WHERE rank >= 0
GROUP BY rank, group, seq, p2p
ORDER BY rank, created_ns, seq
