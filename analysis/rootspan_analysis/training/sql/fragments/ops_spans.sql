(
    -- Seconds of each operation of each rank in each step, from the spans of operations.
    SELECT
        step, rank, any(dp) AS dp, any(tp) AS tp, any(pp) AS pp, any(host) AS host, phase, op,
        sum(duration_ns) / 1e9 AS s, count() AS n, min(start_ns) AS begin_ns
    FROM ${spans}
    WHERE NOT is_step AND phase != '' AND step >= 0 AND NOT unfinished
    GROUP BY step, rank, phase, op
)
