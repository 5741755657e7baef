-- Operations that begin traces, most frequent first: what a user of the system asks for. Steps of training jobs are none.
SELECT ServiceName AS service, SpanName AS operation, count() AS spans
FROM rootspan_spans
WHERE ParentSpanId = '' AND ({with_jobs:UInt8} = 1 OR JobId = '')
    AND Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64})
    AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
GROUP BY service, operation
ORDER BY spans DESC, service, operation
LIMIT {limit:UInt16}
