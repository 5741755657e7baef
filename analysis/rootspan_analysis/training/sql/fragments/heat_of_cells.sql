compared AS
    (
        SELECT stage, groupArray((rank, dp, tp, host, s)) AS members, quantileExactLow(0.5)(s) AS norm_s,
            intDiv(dense_rank() OVER (ORDER BY step) - 1, {width:UInt32}) AS column
        FROM cells
        GROUP BY step, stage
    )
SELECT rank, any(dp) AS dp, any(tp) AS tp, any(stage) AS stage, any(host) AS host,
    groupArray(column) AS columns, groupArray(column_s) AS seconds, groupArray(column_ratio) AS ratios
FROM
(
    SELECT member.1 AS rank, any(member.2) AS dp, any(member.3) AS tp, any(stage) AS stage, any(member.4) AS host, column,
        avg(member.5) AS column_s, avg(if(norm_s > 0, member.5 / norm_s, 1)) AS column_ratio
    FROM compared
    ARRAY JOIN members AS member
    GROUP BY rank, column
)
GROUP BY rank
ORDER BY avg(column_ratio) DESC, rank
LIMIT {most:UInt32}
