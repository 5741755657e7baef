-- The last collective of each group that each rank saw end, by spans and by what ranks said when they waited.
SELECT rank, group, p2p, peer, max(last) AS last_seq, max(members) AS group_ranks
FROM
(
    SELECT rank, toString(group) AS group, p2p, peer, max(seq) AS last, '' AS members
    FROM ${spans}
    WHERE NOT unfinished AND phase = 'collective' AND NOT is_step AND group != '' AND seq >= 0
        AND state = ''
    GROUP BY rank, group, p2p, peer
    UNION ALL
    SELECT ${log_rank} AS rank, LogAttributes['training.collective.group'] AS group, false AS p2p, toInt32(-1) AS peer,
        max(toInt64OrDefault(LogAttributes['training.collective.last_completed'], toInt64(-1))) AS last,
        any(LogAttributes['training.collective.group_ranks']) AS members
    FROM rootspan_logs
    WHERE Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64})
        AND Timestamp <= fromUnixTimestamp64Nano({to_ns:Int64} + 1000000000)
        AND EventName = 'collective.status'
        AND ${log_of_job}
    GROUP BY rank, group
)
WHERE rank >= 0
GROUP BY rank, group, p2p, peer
