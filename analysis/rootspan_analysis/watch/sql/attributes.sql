-- Queue wait and time to first token as spans tell them (rootspan's name in ms, the others' in seconds).
SELECT
    kind, service, operation, bucket,
    sum(n) AS requests, toUInt64(0) AS errors, sum(d) / 1e9 AS total_s,
    groupArray(bin) AS bins, groupArray(n) AS counts
FROM
(
    WITH
        multiIf(
            mapContains(SpanAttributes, 'rootspan.queue.wait_ms'),
            toFloat64OrZero(SpanAttributes['rootspan.queue.wait_ms']) * 1e6,
            mapContains(SpanAttributes, 'gen_ai.latency.time_in_queue'),
            toFloat64OrZero(SpanAttributes['gen_ai.latency.time_in_queue']) * 1e9,
            -1.) AS wait_ns,
        multiIf(
            mapContains(SpanAttributes, 'gen_ai.response.time_to_first_chunk'),
            toFloat64OrZero(SpanAttributes['gen_ai.response.time_to_first_chunk']) * 1e9,
            mapContains(SpanAttributes, 'gen_ai.latency.time_to_first_token'),
            toFloat64OrZero(SpanAttributes['gen_ai.latency.time_to_first_token']) * 1e9,
            -1.) AS first_token_ns,
        arrayJoin([('queue_wait', wait_ns), ('time_to_first_token', first_token_ns)]) AS told
    SELECT
        told.1 AS kind,
        ServiceName AS service,
        SpanName AS operation,
        intDiv(toUnixTimestamp(Timestamp), {step_s:UInt32}) * {step_s:UInt32} AS bucket,
        toInt16(floor(log2(greatest(told.2, 1)) * 8)) AS bin,
        count() AS n,
        sum(told.2) AS d
    FROM otel_traces
    WHERE Timestamp >= fromUnixTimestamp({from_s:Int64}) AND Timestamp < fromUnixTimestamp({to_s:Int64})
        AND ServiceName IN {services:Array(String)} AND SpanName IN {operations:Array(String)}
        AND SpanKind != 'Client'
        AND told.2 >= 0
    GROUP BY kind, service, operation, bucket, bin
)
GROUP BY kind, service, operation, bucket
