-- Forward and backward of each microbatch in a few steps, for the replay of the pipeline.
SELECT step, dp, pp, phase, microbatch, start_ns, duration_ns / 1e9 AS s
FROM ${spans}
WHERE phase IN ('forward', 'backward') AND microbatch >= 0 AND NOT is_step AND NOT unfinished
    AND has({steps:Array(String)}, toString(step)) AND tp IN (-1, {tensor:Int32})
ORDER BY step, dp, pp, start_ns
