-- Steps that took far longer than usual: how many ranks waited in them, and what the others did meanwhile.
-- What a rank did in the step before counts, too: who comes late may have begun late.
WITH
    told AS
    (
        SELECT rank, phase, step, sum(s) AS took_s
        FROM ${ops}
        WHERE rank >= 0
        GROUP BY rank, phase, step
    ),
    -- A phase that is not in every step (a checkpoint) usually takes nothing.
    usual AS
    (
        SELECT rank, phase, if(2 * count() > {steps_read:UInt64}, quantileExact(0.5)(took_s), 0) AS usual_s
        FROM told
        GROUP BY rank, phase
    ),
    beyond AS
    (
        SELECT arrayJoin([t.step, t.step + 1]) AS at_step, t.rank AS rank, toString(t.phase) AS what, t.took_s - u.usual_s AS excess_s,
            t.step = at_step AS here
        FROM told AS t
        INNER JOIN usual AS u ON t.rank = u.rank AND t.phase = u.phase
        WHERE has({steps:Array(String)}, toString(at_step))
    ),
    of_ranks AS
    (
        SELECT at_step, rank, toFloat64({lost:Array(String)}[indexOf({steps:Array(String)}, toString(at_step))]) AS lost_s,
            maxIf(excess_s, what = 'collective' AND here) AS waited_s,
            argMaxIf(what, excess_s, what != 'collective') AS phase,
            maxIf(excess_s, what != 'collective') AS phase_s
        FROM beyond
        GROUP BY at_step, rank
        HAVING countIf(here) > 0
    )
SELECT at_step, count() AS ranks, countIf(waited_s >= {share:Float64} * lost_s) AS waiting,
    countIf(phase = 'data' AND phase_s >= {share:Float64} * lost_s) AS loading,
    groupArrayIf({most:UInt32})((rank, if(phase_s >= {share:Float64} * lost_s, phase, ''), greatest(phase_s, 0)),
        waited_s < {share:Float64} * lost_s) AS others
FROM of_ranks
GROUP BY at_step
ORDER BY at_step
