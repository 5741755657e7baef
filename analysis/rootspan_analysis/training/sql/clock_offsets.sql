-- How far each host's clock is ahead: the members of a collective see it end at one time.
SELECT host, quantileExact(0.5)(ahead) / 1e9 AS ahead_s,
    quantileExact(0.5)(abs(ahead - middle)) / 1e9 AS error_s
FROM
(
    SELECT host, ahead, quantileExact(0.5)(ahead) OVER (PARTITION BY host) AS middle
    FROM
    (
        SELECT member.1 AS host, member.2 - end_ns AS ahead
        FROM
        (
            SELECT groupArray((host, start_ns + toInt64(duration_ns))) AS members,
                toInt64(quantileExact(0.5)(start_ns + toInt64(duration_ns))) AS end_ns
            FROM ${spans}
            WHERE phase = 'collective' AND NOT is_step AND NOT unfinished AND NOT p2p AND group != '' AND seq >= 0
            GROUP BY group, seq
            HAVING length(members) >= 2
        )
        ARRAY JOIN members AS member
    )
)
GROUP BY host
