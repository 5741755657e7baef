-- The spans of several traces without their attributes, whole traces by their ids until there are too many spans.
SELECT
    TraceId AS trace_id,
    SpanId AS span_id,
    ParentSpanId AS parent_id,
    SpanName AS operation,
    SpanKind AS kind,
    ServiceName AS service,
    HostName AS host,
    toUnixTimestamp64Nano(Timestamp) AS start_ns,
    Duration AS duration_ns,
    StatusCode AS status,
    '' AS status_message,
    toUInt32(0) AS events,
    toUInt32(0) AS links
FROM rootspan_spans
WHERE TraceId IN {trace_ids:Array(String)}
    AND Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
    AND ${in_slices}
ORDER BY trace_id, start_ns
LIMIT {limit:UInt32}
