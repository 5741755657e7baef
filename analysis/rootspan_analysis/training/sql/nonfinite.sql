-- The first step in which a loss or a gradient is not a number or infinite, by rank. What a rank tells of its
-- forward or backward, or of its own loss, is from before the all-reduce.
SELECT step, rank, any(host) AS host,
    max(phase IN ('forward', 'backward') OR match(nonfinite, 'local') OR (is_step AND match(nonfinite, 'loss'))) AS local,
    any(nonfinite) AS what, min(start_ns) AS begin_ns,
    min(min(step)) OVER () AS first_step
FROM ${spans}
WHERE step >= 0 AND nonfinite != ''
GROUP BY step, rank
ORDER BY step, rank
LIMIT 8192
