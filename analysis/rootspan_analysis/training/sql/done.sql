-- The last collective of each group that each rank saw end, by spans and by what ranks said when they waited.
SELECT rank, group, max(last) AS last_seq, max(members) AS group_ranks
FROM
(
    SELECT rank, toString(group) AS group, max(seq) AS last, '' AS members
    FROM ${spans}
    WHERE NOT unfinished AND phase = 'collective' AND NOT is_step AND group != '' AND NOT p2p AND seq >= 0
    GROUP BY rank, group
    UNION ALL
    SELECT ${log_rank} AS rank, LogAttributes['training.collective.group'] AS group,
        max(toInt64OrDefault(LogAttributes['training.collective.last_completed'], toInt64(-1))) AS last,
        any(LogAttributes['training.collective.group_ranks']) AS members
    FROM otel_logs
    WHERE Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64})
        AND Timestamp <= fromUnixTimestamp64Nano({to_ns:Int64} + 1000000000)
        AND EventName = 'collective.status'
        AND ${log_of_job}
    GROUP BY rank, group
)
WHERE rank >= 0
GROUP BY rank, group
