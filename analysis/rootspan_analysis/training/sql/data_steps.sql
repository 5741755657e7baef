-- What the median rank spends on data in each step.
SELECT step, quantileExact(0.5)(data_s) AS data_s, min(from_ns) AS begin_ns
FROM (SELECT step, rank, sum(if(phase = 'data', s, 0)) AS data_s, min(begin_ns) AS from_ns FROM ${ops} GROUP BY step, rank)
GROUP BY step
ORDER BY step
