-- Where the ranks' time goes, by pipeline stage: seconds of the steps, and of those that nothing named before covers. Computation
-- hides what runs beside it, so communication counts where it is exposed; what no operation covers is idle: the pipeline's
-- bubbles, and what nobody told. Point-to-point calls wait for a neighbouring stage, so they are bubbles too.
-- Only ranks that tell their operations count: the others' steps are known by their length alone.
SELECT
    stage,
    uniqExact(rank) AS ranks,
    uniqExact(step) AS steps,
    sum(step_s) AS total_s,
    sum(computed_s) AS compute_s,
    sum(with_collectives_s - computed_s) AS collective_s,
    sum(with_data_s - with_collectives_s) AS data_s,
    sum(with_checkpoint_s - with_data_s) AS checkpoint_s,
    sum(greatest(0, step_s - with_checkpoint_s)) AS idle_s
FROM
(
    SELECT
        step, rank, any(pp) AS stage,
        maxIf(duration_ns, is_step) / 1e9 AS step_s,
        intervalLengthSumIf(start_ns, start_ns + toInt64(duration_ns), NOT is_step AND phase IN {compute:Array(String)}) / 1e9 AS computed_s,
        intervalLengthSumIf(start_ns, start_ns + toInt64(duration_ns),
            NOT is_step AND (phase IN {compute:Array(String)} OR phase = 'collective' AND NOT p2p)) / 1e9 AS with_collectives_s,
        intervalLengthSumIf(start_ns, start_ns + toInt64(duration_ns),
            NOT is_step AND (phase IN {compute:Array(String)} OR phase = 'collective' AND NOT p2p
                OR phase IN ('data', 'h2d'))) / 1e9 AS with_data_s,
        intervalLengthSumIf(start_ns, start_ns + toInt64(duration_ns),
            NOT is_step AND (phase IN {compute:Array(String)} OR phase = 'collective' AND NOT p2p
                OR phase IN ('data', 'h2d', 'checkpoint'))) / 1e9 AS with_checkpoint_s
    FROM ${spans}
    WHERE step >= 0 AND rank >= 0 AND NOT unfinished
    GROUP BY step, rank
    HAVING step_s > 0 AND with_checkpoint_s > 0
)
GROUP BY stage
ORDER BY stage
