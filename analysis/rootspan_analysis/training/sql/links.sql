-- How long each group's transfers take beyond what the same operation of the same size takes in other groups.
SELECT name, any(op) AS op, any(hosts) AS hosts, any(switches) AS switches, any(ranks) AS ranks,
    arraySort(groupArray((step, log(sum_s / sum_norm_s), sum_s - sum_norm_s))) AS series,
    series.1 AS at_steps, series.2 AS lag, series.3 AS excess
FROM
(
    SELECT one.1 AS name, at_step AS step, any(one.2) AS op, any(one.5) AS hosts, any(one.6) AS switches, any(one.7) AS ranks,
        sum(one.4) AS sum_s, sum(one.3 * norm) AS sum_norm_s
    FROM ${transfers}
    ARRAY JOIN those AS one
    GROUP BY name, at_step
)
GROUP BY name
ORDER BY sum(greatest(sum_s - sum_norm_s, 0)) DESC
LIMIT 20000
