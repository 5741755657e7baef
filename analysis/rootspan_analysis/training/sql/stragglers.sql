-- Ranks whose computation takes longer than their data-parallel peers' at the same step, stage and operation.
-- Communication is left out: its time is mostly waiting, and who waits longest is a victim.
-- The peers' lower median, so that of two peers the faster one is the norm.
WITH
    compared AS
    (
        SELECT step, op, groupArray(rank) AS ranks, groupArray(toFloat32(s)) AS times,
            quantileExactLow(0.5)(toFloat32(s)) AS norm_s
        FROM ${ops}
        WHERE phase IN {phases:Array(String)} AND rank >= 0
        GROUP BY step, pp, if({by_tensor:UInt8} = 1, tp, -1), op
        HAVING length(ranks) >= 2 AND norm_s > 0
    )
SELECT
    rank, op,
    count() AS steps,
    avg(norm_s) AS usual_s,
    countIf(took_s >= {ratio:Float64} * norm_s) / steps AS share_of_steps,
    sum(took_s - norm_s) AS excess_s,
    sum(greatest(took_s - {ratio:Float64} * norm_s, 0)) AS beyond_s,
    -- How often anyone lags: what chance, or uneven data, does to this operation.
    sum(countIf(took_s >= {ratio:Float64} * norm_s)) OVER (PARTITION BY op) AS lagging_cells,
    sum(count()) OVER (PARTITION BY op) AS cells,
    -- In no order.
    groupArray(step) AS at_step,
    groupArray(log(greatest(took_s, 1e-9) / norm_s)) AS lag,
    groupArray(took_s - norm_s) AS excess
FROM compared
ARRAY JOIN ranks AS rank, times AS took_s
GROUP BY rank, op
ORDER BY beyond_s DESC
LIMIT {most:UInt32}
