-- Who ran out of memory, by the logs of the job and of its hosts; the first of each rank.
SELECT ${log_rank} AS rank, HostName AS host, toUnixTimestamp64Nano(min(Timestamp)) AS at_ns, argMin(Body, Timestamp) AS body
FROM rootspan_logs
WHERE ${in_window}
    AND (${log_of_job} OR HostName IN {hosts:Array(String)})
    AND match(Body, '(?i)out of memory|OutOfMemoryError|oom[-_ ]?kill')
GROUP BY rank, host
ORDER BY at_ns
LIMIT 256
