-- What a job is made of, as far as its spans tell.
SELECT
    countIf(rank >= 0) AS ranked,
    countIf(step >= 0) AS stepped,
    uniqExactIf(rank, rank >= 0) AS ranks,
    uniqExactIf(step, step >= 0) AS steps,
    uniqExactIf(dp, dp >= 0) AS dp_size,
    uniqExactIf(tp, tp >= 0) AS tp_size,
    uniqExactIf(pp, pp >= 0) AS pp_size,
    uniqExactIf(host, host != '') AS hosts,
    max(world_size) AS world_size,
    countIf(is_step) AS step_spans,
    countIf(is_step AND notEmpty(phase_seconds)) AS summaries,
    countIf(phase IN ('forward', 'backward') AND microbatch >= 0) AS microbatch_spans,
    countIf(phase = 'collective' AND NOT is_step) AS collectives,
    countIf(phase = 'collective' AND bytes > 0 AND seq >= 0 AND group != '') AS sized_collectives,
    countIf(unfinished) AS unfinished,
    minIf(start_ns, start_ns > 0) AS first_ns,
    max(start_ns + toInt64(duration_ns)) AS last_ns
FROM ${spans}
