(
    -- Seconds of each phase of each rank in each step, from the summaries that the steps carry.
    SELECT step, rank, dp, tp, pp, host, told_phase AS phase, told_phase AS op, told_s AS s, 1 AS n, start_ns AS begin_ns
    FROM ${spans}
    ARRAY JOIN mapKeys(phase_seconds) AS told_phase, mapValues(phase_seconds) AS told_s
    WHERE is_step AND step >= 0 AND NOT unfinished
)
