-- Operations whose spans tell a queue wait or a time to first token, seen in a slice of time.
SELECT ServiceName AS service, SpanName AS operation
FROM otel_traces
WHERE Timestamp >= fromUnixTimestamp({from_s:Int64}) AND Timestamp < fromUnixTimestamp({to_s:Int64})
    AND SpanKind != 'Client'
    AND JobId = ''
    AND hasAny(mapKeys(SpanAttributes), [
        'rootspan.queue.wait_ms', 'gen_ai.latency.time_in_queue',
        'gen_ai.response.time_to_first_chunk', 'gen_ai.latency.time_to_first_token'])
GROUP BY service, operation
