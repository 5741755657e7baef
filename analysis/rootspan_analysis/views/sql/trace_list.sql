-- Traces of a range, one row each: by their root span, or by a span that matches what is asked of it.
SELECT
    TraceId AS trace_id,
    SpanId AS span_id,
    toUnixTimestamp64Nano(Timestamp) AS start_ns,
    ServiceName AS service,
    SpanName AS operation,
    HostName AS host,
    Duration AS duration_ns,
    StatusCode AS status,
    StatusMessage AS status_message
FROM rootspan_spans
WHERE ${span_search}
ORDER BY
    multiIf(
        {order:String} = 'slowest', toInt64(least(Duration, 9223372036854775807)),
        {order:String} IN ('failed', 'newest'), toUnixTimestamp64Nano(Timestamp),
        toInt64(intDiv(cityHash64(TraceId), 2))) DESC,
    TraceId
LIMIT 1 BY TraceId
LIMIT {limit:UInt32}
