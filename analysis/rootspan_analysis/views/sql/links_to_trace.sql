-- Spans of other traces that link to this one, oldest first: a batch that one of its requests joined, for example.
SELECT
    TraceId AS trace_id,
    SpanId AS span_id,
    ServiceName AS service,
    SpanName AS operation,
    HostName AS host,
    toUnixTimestamp64Nano(Timestamp) AS start_ns,
    Duration AS duration_ns,
    arrayFilter((s, t) -> t = {trace_id:String}, `Links.SpanId`, `Links.TraceId`) AS to_span_ids
FROM rootspan_spans
WHERE Timestamp >= fromUnixTimestamp64Nano({first_ns:Int64})
    AND Timestamp <= fromUnixTimestamp64Nano({last_ns:Int64})
    AND has(`Links.TraceId`, {trace_id:String})
    AND TraceId != {trace_id:String}
ORDER BY start_ns, span_id
LIMIT {limit:UInt32}
