-- Duration of each step: of its slowest rank, and of the median one.
SELECT step, max(s) AS slowest_s, quantileExact(0.5)(s) AS median_s, count() AS ranks, min(begin_ns) AS begin_ns
FROM ${steps}
GROUP BY step
ORDER BY step
