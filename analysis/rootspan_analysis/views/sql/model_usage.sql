-- What each model was asked for, by service and region, of the whole range or of some slices of it: requests, the time they took, and tokens where told.
-- Of a service's spans that name a model those by which it serves count; all, where none does.
WITH chosen AS
(
    SELECT
        ServiceName AS service, Region AS region, SpanAttributes[if(mapContains(SpanAttributes, 'gen_ai.request.model'), 'gen_ai.request.model', 'gen_ai.response.model')] AS model,
        SpanKind IN ('Server', 'Consumer') AS serves,
        toFloat64(Weight) * {scale:Float64} AS weight, Duration / 1e9 AS took_s,
        greatest(toFloat64OrZero(SpanAttributes['gen_ai.usage.input_tokens']), toFloat64OrZero(SpanAttributes['gen_ai.usage.prompt_tokens'])) AS input_tokens,
        greatest(toFloat64OrZero(SpanAttributes['gen_ai.usage.output_tokens']), toFloat64OrZero(SpanAttributes['gen_ai.usage.completion_tokens'])) AS output_tokens
    FROM rootspan_spans
    WHERE Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
        AND ({region:String} = '' OR Region = {region:String})
        AND SpanKind NOT IN ('Client', 'Producer')
        AND ${in_slices}
        AND model != ''
)
SELECT
    service, region, model,
    sumIf(weight, counts) AS requests,
    sumIf(weight * took_s, counts) AS seconds,
    sum(weight * input_tokens) AS input_tokens,
    sum(weight * output_tokens) AS output_tokens
FROM
(
    SELECT *, serves OR service NOT IN (SELECT service FROM chosen WHERE serves) AS counts FROM chosen
)
GROUP BY service, region, model
ORDER BY service, region, model
LIMIT 500
