-- What the median rank spends on data in each step.
SELECT step, quantileExact(0.5)(data_s) AS data_s
FROM (SELECT step, rank, sum(if(phase = 'data', s, 0)) AS data_s FROM ${ops} GROUP BY step, rank)
GROUP BY step
ORDER BY step
