SELECT
    rank, group, seq, p2p, argMax(what, length(what)) AS op, max(description) AS description, max(peer) AS peer,
    minIf(begin_ns, begin_ns > 0) AS created_ns, max(timeout_ms) AS timeout_ms, max(seen_ns) AS said_ns,
    max(host) AS host, max(gpu) AS gpu
FROM
(
    SELECT
        rank, host, gpu, attributes AS told,
        ${collective_columns},
        if(told['training.collective.op'] != '', told['training.collective.op'], toString(name)) AS what,
        start_ns AS begin_ns, toInt64(0) AS seen_ns
    FROM ${spans}
    WHERE unfinished AND (phase = 'collective' OR mapContains(attributes, 'collective_seq_id')
        OR mapContains(attributes, 'pytorch.fr.collective_seq_id'))
    UNION ALL
    SELECT
        ${log_rank} AS rank,
        HostName AS host, ResourceAttributes['gpu.index'] AS gpu, LogAttributes AS told,
        ${collective_columns},
        multiIf(told['training.collective.op'] != '', told['training.collective.op'],
            told['profiling_name'] != '', told['profiling_name'],
            replaceOne(Body, 'collective.pending ', '')) AS what,
        toInt64OrDefault(told['time_created_ns'], toInt64(0)) AS begin_ns,
        toUnixTimestamp64Nano(Timestamp) AS seen_ns
    FROM otel_logs
    WHERE Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64})
        -- A dump that ends the window stands at its very end.
        AND Timestamp <= fromUnixTimestamp64Nano({to_ns:Int64} + 1000000000)
        AND EventName = 'collective.pending'
        AND ${log_of_job}
)
WHERE rank >= 0
GROUP BY rank, group, seq, p2p
ORDER BY rank, created_ns, seq
