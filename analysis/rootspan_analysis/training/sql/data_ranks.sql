-- Ranks that spend most of their steps on data beyond the median rank, step by step, in no order.
WITH
    told AS
    (
        SELECT step, rank, toFloat32(sumIf(s, phase = 'data')) AS data_s
        FROM ${ops}
        WHERE rank >= 0
        GROUP BY step, rank
    ),
    usual AS
    (
        SELECT step, quantileExactLow(0.5)(data_s) AS usual_s, groupArray(rank) AS ranks, groupArray(data_s) AS times
        FROM told
        GROUP BY step
    )
SELECT rank, groupArray(step) AS at_step, groupArray(took_s - usual_s) AS excess
FROM usual
ARRAY JOIN ranks AS rank, times AS took_s
GROUP BY rank
HAVING sum(took_s - usual_s) > 0
ORDER BY sum(took_s - usual_s) DESC
LIMIT {most:UInt32}
