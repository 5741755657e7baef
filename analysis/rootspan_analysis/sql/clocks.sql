-- How far apart the clocks of two hosts can be: a request arrives after it was sent, and its answer after that was.
-- By pair of hosts: the callee's clock is ahead of the caller's by between low_ns and high_ns.
SELECT caller_host, callee_host, count() AS calls, max(answered_ns) AS low_ns, min(arrived_ns) AS high_ns
FROM
(
    SELECT
        callers.HostName AS caller_host, callees.HostName AS callee_host,
        callees.start_ns - callers.start_ns AS arrived_ns,
        callees.start_ns + callees.took_ns - callers.start_ns - callers.took_ns AS answered_ns
    FROM
    (
        SELECT Id, HostName, toUnixTimestamp64Nano(Timestamp) AS start_ns, toInt64(Duration) AS took_ns
        FROM ${spans}
        WHERE SpanKind = 'Client' AND HostName != '' AND TraceHash % {clock_modulus:UInt32} = 0
            AND Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
    ) AS callers
    INNER JOIN
    (
        SELECT Parent, HostName, toUnixTimestamp64Nano(Timestamp) AS start_ns, toInt64(Duration) AS took_ns
        FROM ${spans}
        WHERE SpanKind = 'Server' AND HostName != '' AND Parent != 0 AND TraceHash % {clock_modulus:UInt32} = 0
            AND Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
    ) AS callees ON callers.Id = callees.Parent
    WHERE callers.HostName != callees.HostName
)
GROUP BY caller_host, callee_host
HAVING calls >= 3
ORDER BY calls DESC
LIMIT 50000
