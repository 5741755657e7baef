(
    -- Seconds of each phase of each rank in each step, from the summaries that the steps carry.
    SELECT
        step, rank, dp, tp, pp, host, told.1 AS phase, told.1 AS op, told.2 AS s, 1 AS n, start_ns AS begin_ns
    FROM
    (
        SELECT step, rank, dp, tp, pp, host, start_ns,
            arrayFilter(told -> told.2 >= 0, arrayMap(phase -> (phase,
                toFloat64OrDefault(attributes[concat('training.phase.', phase, '.seconds')], toFloat64(-1))),
                ['data', 'h2d', 'forward', 'backward', 'optimizer', 'collective', 'checkpoint', 'eval'])) AS told_all
        FROM ${spans}
        WHERE is_step AND step >= 0 AND NOT unfinished
    )
    ARRAY JOIN told_all AS told
)
