(
    -- Each rank's step: its own span's duration, or what its operations cover.
    SELECT
        step, rank, any(dp) AS dp, any(tp) AS tp, any(pp) AS pp, any(host) AS host,
        if(countIf(is_step) > 0, minIf(start_ns, is_step), min(start_ns)) AS begin_ns,
        if(countIf(is_step) > 0, maxIf(duration_ns, is_step) / 1e9,
            (max(start_ns + toInt64(duration_ns)) - min(start_ns)) / 1e9) AS s
    FROM ${spans}
    WHERE step >= 0 AND NOT unfinished AND (is_step OR NOT ${steps_only})
    GROUP BY step, rank
)
