-- How long each rank waited for the others when it joined the job, each time it did, shortest first: who comes last waits least.
SELECT nth, rank, host, start_ns AS begin_ns, waited_s
FROM
(
    SELECT rank, host, start_ns, duration_ns / 1e9 AS waited_s, row_number() OVER (PARTITION BY rank ORDER BY start_ns) AS nth
    FROM ${spans}
    WHERE phase = 'join' AND rank >= 0 AND NOT unfinished
)
ORDER BY nth, waited_s, rank
