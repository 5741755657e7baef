-- Log records that match, newest first.
SELECT
    toUnixTimestamp64Nano(Timestamp) AS at_ns,
    Severity AS severity,
    ServiceName AS service,
    HostName AS host,
    Body AS body,
    TraceId AS trace_id,
    SpanId AS span_id
FROM rootspan_logs
WHERE ${log_search}
ORDER BY Timestamp DESC
LIMIT {limit:UInt32}
