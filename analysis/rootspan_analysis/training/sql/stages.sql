-- Computation of each pipeline stage, per step: seconds of the median rank, and how far its ranks differ.
SELECT pp AS stage, phase, quantileExact(0.5)(s) AS median_s, quantileExact(0.95)(s) AS p95_s, uniqExact(rank) AS ranks
FROM (SELECT step, rank, any(o.pp) AS pp, phase, sum(o.s) AS s FROM ${ops} AS o WHERE phase IN ('forward', 'backward') GROUP BY step, rank, phase)
GROUP BY stage, phase
ORDER BY phase, stage
