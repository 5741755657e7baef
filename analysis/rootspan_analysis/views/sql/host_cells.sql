-- One row for each service on a host and bucket of time.
WITH
    ${quantile_ms} AS quantile_ms
SELECT
    service,
    host,
    at_s,
    requests,
    errors,
    ${histogram_columns},
    quantile_ms({quantile:Float64}) AS latency_ms
FROM
(
    SELECT
        ServiceName AS service,
        HostName AS host,
        toInt64(intDiv(toUnixTimestamp(Minute), {step_s:UInt32}) * {step_s:UInt32}) AS at_s,
        sum(WeightedSpans) AS requests,
        sum(Errors * WeightedSpans / Spans) AS errors,
        sumMap(mapApply((k, v) -> (k, v * (WeightedSpans / Spans)), DurationHistogram)) AS histogram
    FROM otel_spans_1m
    WHERE ${span_filters}
        AND HostName != ''
        AND ${serving}
    GROUP BY service, host, at_s
)
ORDER BY service, host, at_s
