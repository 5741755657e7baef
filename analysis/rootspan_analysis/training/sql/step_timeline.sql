-- What each rank did in one step, in time: operations that are not the step itself, of the given ranks.
SELECT rank, pp AS stage, host, phase, op, microbatch, group, seq, p2p, start_ns, duration_ns
FROM ${spans}
WHERE step = {step:Int64} AND has({ranks:Array(String)}, toString(rank)) AND NOT is_step AND NOT unfinished AND phase != ''
ORDER BY rank, start_ns
LIMIT {most:UInt32}
