-- Tokens and duration of an operation's calls by minute.
SELECT
    toStartOfMinute(Timestamp) AS minute, count() AS calls,
    round(avg(
        toFloat64OrZero(SpanAttributes[if(mapContains(SpanAttributes, 'gen_ai.usage.input_tokens'), 'gen_ai.usage.input_tokens', 'gen_ai.usage.prompt_tokens')])
        + toFloat64OrZero(SpanAttributes[if(mapContains(SpanAttributes, 'gen_ai.usage.output_tokens'), 'gen_ai.usage.output_tokens', 'gen_ai.usage.completion_tokens')])
    )) AS mean_tokens,
    round(avg(Duration) / 1e6, 3) AS mean_ms
FROM rootspan_spans
WHERE ServiceName = {service:String} AND SpanName = {operation:String}
    AND Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
GROUP BY minute
ORDER BY minute
