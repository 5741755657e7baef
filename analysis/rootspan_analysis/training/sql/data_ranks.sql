-- Ranks that spend most of their steps on data beyond the median rank, step by step.
WITH
    told AS
    (
        SELECT step, rank, any(host) AS host, sum(if(phase = 'data', s, 0)) AS data_s
        FROM ${ops}
        GROUP BY step, rank
    ),
    usual AS (SELECT step, quantileExactLow(0.5)(data_s) AS usual_s, groupArray((rank, host, data_s)) AS members FROM told GROUP BY step)
SELECT member.1 AS rank, any(member.2) AS host,
    arraySort(groupArray((step, member.3 - usual_s))) AS series, series.1 AS at_step, series.2 AS excess
FROM usual
ARRAY JOIN members AS member
GROUP BY rank
HAVING sum(member.3 - usual_s) > 0
ORDER BY sum(member.3 - usual_s) DESC
LIMIT {most:UInt32}
