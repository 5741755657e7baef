-- What the accused ranks take for some operations in a step, and their peers at the same stage: medians of milliseconds over time.
WITH
    told AS
    (
        SELECT step, rank, any(o.pp) AS stage, if({by_tensor:UInt8} = 1, any(o.tp), -1) AS lane, sum(o.s) AS took_s,
            min(min(o.begin_ns)) OVER (PARTITION BY step) AS from_ns
        FROM ${ops} AS o
        WHERE rank >= 0 AND phase IN {phases:Array(String)} AND (empty({ops:Array(String)}) OR op IN {ops:Array(String)})
        GROUP BY step, rank
    )
SELECT began, suspect, avg(step_ms) AS took_ms, count() AS steps
FROM
(
    SELECT
        step, rank IN {ranks:Array(Int64)} AS suspect,
        toStartOfInterval(fromUnixTimestamp64Nano(any(from_ns), 'UTC'), toIntervalSecond({every_s:UInt32})) AS began,
        quantileExactLow(0.5)(took_s) * 1000 AS step_ms
    FROM told
    WHERE {any_stage:UInt8} = 1 OR (stage, lane) IN (SELECT stage, lane FROM told WHERE rank IN {ranks:Array(Int64)})
    GROUP BY step, suspect
)
GROUP BY began, suspect
ORDER BY began, suspect
