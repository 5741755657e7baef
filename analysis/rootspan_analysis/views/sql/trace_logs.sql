-- Log records that carry the trace's id, oldest first. Logs may be written a while after the last span began.
SELECT
    toUnixTimestamp64Nano(Timestamp) AS at_ns,
    SpanId AS span_id,
    Severity AS severity,
    ServiceName AS service,
    HostName AS host,
    Body AS body,
    mapKeys(LogAttributes) AS attribute_keys,
    mapValues(LogAttributes) AS attribute_values
FROM rootspan_logs
WHERE TraceId = {trace_id:String}
    AND Timestamp >= fromUnixTimestamp64Nano({first_ns:Int64})
    AND Timestamp <= fromUnixTimestamp64Nano({last_ns:Int64})
ORDER BY at_ns, span_id
LIMIT {limit:UInt32}
