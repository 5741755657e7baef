-- How a job's steps are spent: seconds of each phase, per rank and step.
SELECT phase, avg(s) AS mean_s, quantileExact(0.5)(s) AS median_s, max(s) AS most_s, uniqExact(rank) AS ranks, uniqExact(step) AS steps
FROM
(
    SELECT phase, rank, step, sum(s) AS s
    FROM ${ops}
    GROUP BY phase, rank, step
)
GROUP BY phase
ORDER BY mean_s DESC
