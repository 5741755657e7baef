-- The spans of a trace without their attributes; the longest first if there are more than the limit.
SELECT
    SpanId AS span_id,
    ParentSpanId AS parent_id,
    SpanName AS operation,
    SpanKind AS kind,
    ServiceName AS service,
    HostName AS host,
    toUnixTimestamp64Nano(Timestamp) AS start_ns,
    Duration AS duration_ns,
    StatusCode AS status,
    StatusMessage AS status_message,
    toUInt32(length(`Events.Name`)) AS events,
    toUInt32(length(`Links.TraceId`)) AS links,
    count() OVER () AS spans_in_trace
FROM rootspan_spans
WHERE TraceId = {trace_id:String}
    AND Timestamp >= fromUnixTimestamp64Nano({first_ns:Int64})
    AND Timestamp <= fromUnixTimestamp64Nano({last_ns:Int64})
ORDER BY duration_ns DESC, span_id
LIMIT {limit:UInt32}
