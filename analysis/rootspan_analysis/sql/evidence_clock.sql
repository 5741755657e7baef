-- By how much a host's clock and its callers' can differ: a request arrives after it was sent, an answer after that was.
SELECT
    c.HostName AS caller_host, count() AS calls,
    round(max(toUnixTimestamp64Nano(s.Timestamp) + toInt64(s.Duration) - toUnixTimestamp64Nano(c.Timestamp) - toInt64(c.Duration)) / 1e9, 4)
        AS ahead_at_least_s,
    round(min(toUnixTimestamp64Nano(s.Timestamp) - toUnixTimestamp64Nano(c.Timestamp)) / 1e9, 4) AS ahead_at_most_s
FROM rootspan_spans AS c
INNER JOIN
(
    SELECT TraceId, ParentSpanId, Timestamp, Duration
    FROM rootspan_spans
    WHERE HostName IN {hosts:Array(String)} AND SpanKind = 'Server' AND ParentSpanId != ''
        AND Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
) AS s ON c.TraceId = s.TraceId AND c.SpanId = s.ParentSpanId
WHERE c.SpanKind = 'Client'
    AND c.Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND c.Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
GROUP BY caller_host
ORDER BY calls DESC
