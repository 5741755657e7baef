-- Who costs the job its time: in each step the rank whose computation exceeds its data-parallel peers' most, and by how much.
-- Steps end together, so every rank waits for as long.
SELECT worst AS rank, any(worst_host) AS host, count() AS steps, sum(most_s) AS excess_s
FROM
(
    SELECT step, argMax(rank, over_s) AS worst, argMax(at_host, over_s) AS worst_host, max(over_s) AS most_s
    FROM
    (
        SELECT step, rank, any(one_host) AS at_host, sum(took_s - norm_s) AS over_s
        FROM
        (
            SELECT step, op, groupArray(rank) AS ranks, groupArray(host) AS hosts, groupArray(s) AS times,
                quantileExactLow(0.5)(s) AS norm_s
            FROM ${ops}
            WHERE phase IN {phases:Array(String)} AND rank >= 0
            GROUP BY step, pp, if({by_tensor:UInt8} = 1, tp, -1), op
            HAVING length(ranks) >= 2 AND norm_s > 0
        )
        ARRAY JOIN ranks AS rank, hosts AS one_host, times AS took_s
        GROUP BY step, rank
    )
    GROUP BY step
    HAVING most_s > 0
)
GROUP BY worst
ORDER BY excess_s DESC, rank
LIMIT {most:UInt32}
