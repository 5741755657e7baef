-- Time in their batches by minute: of requests that were in the batch in which a large one was fed, and of the others.
WITH
    tickets AS
    (
        SELECT
            Timestamp, TraceId, ParentSpanId, SpanAttributes['rootspan.batch.id'] AS first_batch, Links.SpanId AS batches,
            toFloat64OrZero(SpanAttributes['rootspan.batch.service_ms']) AS service_ms,
            toFloat64OrZero(SpanAttributes['gen_ai.usage.input_tokens']) + toFloat64OrZero(SpanAttributes['gen_ai.usage.output_tokens']) AS tokens,
            if(tokens > 0, tokens, toFloat64OrZero(SpanAttributes['rootspan.batch.share_ms'])) AS size
        FROM rootspan_spans
        WHERE ServiceName = {service:String} AND SpanName = {operation:String} AND first_batch != ''
            AND (empty({hosts:Array(String)}) OR HostName IN {hosts:Array(String)})
            AND Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
    ),
    (SELECT {large:Float64} * quantile(0.5)(size) FROM tickets WHERE Timestamp < fromUnixTimestamp64Nano({onset_ns:Int64})) AS least,
    large AS (SELECT first_batch FROM tickets WHERE size >= least AND size > 0),
    mates AS
    (
        SELECT arrayJoin(arrayZip(Links.TraceId, Links.SpanId)) AS request
        FROM rootspan_spans
        WHERE ServiceName = {service:String} AND SpanName = concat({operation:String}, ' batch')
            AND Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
            AND SpanAttributes['rootspan.batch.id'] IN large
    )
SELECT
    toStartOfMinute(Timestamp) AS minute,
    (TraceId, ParentSpanId) IN mates OR hasAny(batches, (SELECT groupUniqArray(first_batch) FROM large)) AS with_a_large_one,
    count() AS calls,
    round(avg(service_ms), 2) AS mean_ms_in_batches,
    round(avg(size)) AS mean_size
FROM tickets
WHERE NOT (size >= least AND size > 0)
GROUP BY minute, with_a_large_one
ORDER BY with_a_large_one DESC, minute
