-- Who comes last to collectives: by rank, in how many it was the last to enter, and how late against the median of the ranks.
-- A collective is a group's number in a step; those that fewer than two ranks told of are left out.
SELECT
    rank, any(host) AS host, any(group) AS group, any(op) AS op,
    count() AS collectives,
    countIf(rank = last_rank) AS last,
    avg(late_s) AS mean_late_s,
    max(late_s) AS most_late_s
FROM
(
    SELECT
        group, op, last_rank, member.1 AS rank, member.3 AS host, greatest(0, member.2 - middle_ns) / 1e9 AS late_s
    FROM
    (
        SELECT
            CollectiveGroup AS group, CollectiveSeq AS seq, Step AS step, any(Op) AS op,
            groupArray((Rank, toInt64(toUnixTimestamp64Nano(Timestamp)), toString(HostName))) AS members,
            argMax(Rank, Timestamp) AS last_rank,
            quantileExact(0.5)(toInt64(toUnixTimestamp64Nano(Timestamp))) AS middle_ns
        FROM rootspan_training_spans
        WHERE JobId = {job:String}
            AND ServiceName IN {services:Array(String)}
            AND Phase = 'collective' AND NOT PointToPoint AND CollectiveSeq >= 0 AND Rank >= 0
            AND Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
        GROUP BY group, seq, step
        HAVING length(members) >= 2
    )
    ARRAY JOIN members AS member
)
GROUP BY rank
ORDER BY last DESC, mean_late_s DESC, rank
LIMIT {limit:UInt32}
