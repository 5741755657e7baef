-- Saves: what the median writer takes, and each step's slowest one.
SELECT step, count() AS writers, quantileExactLow(0.5)(s) AS median_s, max(s) AS slowest_s,
    argMax(rank, s) AS slowest_rank, argMax(host, s) AS slowest_host, min(begin_ns) AS begin_ns
FROM (SELECT step, rank, any(o.host) AS host, sum(o.s) AS s, min(o.begin_ns) AS begin_ns FROM ${ops} AS o WHERE phase = 'checkpoint' AND o.s > 0 GROUP BY step, rank)
GROUP BY step
ORDER BY step
