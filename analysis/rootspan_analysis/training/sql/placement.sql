-- Where each rank runs, and its place in the job.
SELECT rank, argMax(dp, start_ns) AS dp, argMax(tp, start_ns) AS tp, argMax(pp, start_ns) AS stage,
    argMax(host, start_ns) AS host, argMax(gpu, start_ns) AS gpu, argMax(switch, start_ns) AS switch
FROM ${spans}
WHERE rank >= 0 AND (is_step OR NOT ${steps_only})
GROUP BY rank
ORDER BY rank
