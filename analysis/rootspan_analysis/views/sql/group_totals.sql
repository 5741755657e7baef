-- As fleet_totals, but one row for each value of a dimension (service or region) and bucket of time, over the requests:
-- the entry operations, or without any whatever serves somebody.
WITH
    ${quantile_ms} AS quantile_ms
SELECT
    name,
    at_s,
    hosts,
    requests,
    errors,
    ${histogram_columns},
    quantile_ms(0.5) AS p50_ms,
    quantile_ms(0.95) AS p95_ms,
    quantile_ms(0.99) AS p99_ms
FROM
(
    SELECT
        if({dimension:String} = 'region', toString(Region), toString(ServiceName)) AS name,
        if({step_s:UInt32} = 0, {from_s:Int64},
            toInt64(intDiv(toUnixTimestamp(Minute), greatest({step_s:UInt32}, 1)) * {step_s:UInt32})) AS at_s,
        uniqExactIf(HostName, HostName != '') AS hosts,
        sum(WeightedSpans) AS requests,
        sum(Errors * WeightedSpans / Spans) AS errors,
        sumMap(mapApply((k, v) -> (k, v * (WeightedSpans / Spans)), DurationHistogram)) AS histogram
    FROM otel_spans_1m
    WHERE ${span_filters}
        AND ${is_request}
    GROUP BY name, at_s
)
ORDER BY name, at_s
