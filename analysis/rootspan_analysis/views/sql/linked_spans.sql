-- Spans that links of another one name: the requests of a batch, for example.
SELECT TraceId AS trace_id, SpanId AS span_id, ServiceName AS service, SpanName AS operation, Duration AS duration_ns
FROM rootspan_spans
WHERE Timestamp >= fromUnixTimestamp64Nano({first_ns:Int64})
    AND Timestamp <= fromUnixTimestamp64Nano({last_ns:Int64})
    AND TraceId IN {trace_ids:Array(String)}
    AND SpanId IN {span_ids:Array(String)}
ORDER BY Timestamp, span_id
LIMIT {limit:UInt32}
