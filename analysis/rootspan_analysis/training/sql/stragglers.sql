-- Ranks whose computation takes longer than their data-parallel peers' at the same step, stage and operation.
-- Communication is left out: its time is mostly waiting, and who waits longest is a victim.
-- The peers' lower median, so that of two peers the faster one is the norm.
WITH
    compared AS
    (
        SELECT step, pp, slot, op, any(phase) AS phase, groupArray((rank, dp, tp, host, s)) AS members, quantileExactLow(0.5)(s) AS norm_s
        FROM
        (
            SELECT step, rank, dp, tp, pp, host, phase, op, s, if({by_tensor:UInt8} = 1, tp, -1) AS slot
            FROM ${ops}
            WHERE phase IN {phases:Array(String)} AND rank >= 0
        )
        GROUP BY step, pp, slot, op
        HAVING length(members) >= 2 AND norm_s > 0
    )
SELECT
    member.1 AS rank, any(member.2) AS dp, any(member.3) AS tp, any(pp) AS stage, any(member.4) AS host, op, any(phase) AS phase,
    count() AS steps,
    avg(norm_s) AS usual_s,
    countIf(member.5 >= {ratio:Float64} * norm_s) / steps AS share_of_steps,
    sum(member.5 - norm_s) AS excess_s,
    sum(greatest(member.5 - {ratio:Float64} * norm_s, 0)) AS beyond_s,
    -- How often anyone lags: what chance, or uneven data, does to this operation.
    sum(countIf(member.5 >= {ratio:Float64} * norm_s)) OVER (PARTITION BY op) AS lagging_cells,
    sum(count()) OVER (PARTITION BY op) AS cells,
    arraySort(groupArray((step, log(greatest(member.5, 1e-9) / norm_s), member.5 - norm_s))) AS series,
    series.1 AS at_step, series.2 AS lag, series.3 AS excess
FROM compared
ARRAY JOIN members AS member
GROUP BY rank, op
ORDER BY beyond_s DESC
LIMIT {most:UInt32}
