-- The last flight-recorder status of each rank: members of its groups, as JSON.
SELECT ${log_rank} AS rank, argMax(Body, Timestamp) AS body
FROM rootspan_logs
WHERE Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64})
    AND Timestamp <= fromUnixTimestamp64Nano({to_ns:Int64} + 1000000000)
    AND EventName = 'flight_recorder.status'
    AND ${log_of_job}
GROUP BY rank
HAVING rank >= 0
