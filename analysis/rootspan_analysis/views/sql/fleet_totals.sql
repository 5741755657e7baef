-- The fleet in one row a bucket of time: hosts, spans, requests (spans of the entry operations), their errors and latency.
-- Counts are scaled up where the senders sampled. A bucket of 0 s is the whole range.
WITH
    ${quantile_ms} AS quantile_ms
SELECT
    at_s,
    hosts,
    spans,
    requests,
    errors,
    ${histogram_columns},
    quantile_ms(0.5) AS p50_ms,
    quantile_ms(0.95) AS p95_ms,
    quantile_ms(0.99) AS p99_ms,
    sampled
FROM
(
    SELECT
        if({step_s:UInt32} = 0, {from_s:Int64},
            toInt64(intDiv(toUnixTimestamp(Minute), greatest({step_s:UInt32}, 1)) * {step_s:UInt32})) AS at_s,
        uniqExactIf(HostName, HostName != '') AS hosts,
        sum(WeightedSpans) AS spans,
        sumIf(WeightedSpans, is_request) AS requests,
        sumIf(Errors * WeightedSpans / Spans, is_request) AS errors,
        sumMapIf(mapApply((k, v) -> (k, v * (WeightedSpans / Spans)), DurationHistogram), is_request) AS histogram,
        max(WeightedSpans > Spans * 1.0001) AS sampled
    FROM
    (
        SELECT
            *,
            ${is_request} AS is_request
        FROM otel_spans_1m
        WHERE ${span_filters}
    )
    GROUP BY at_s
)
ORDER BY at_s
