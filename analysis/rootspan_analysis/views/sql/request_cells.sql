-- How many requests began in each bucket of time with a duration in each bucket of a logarithmic scale, from the rollup:
-- its buckets are an eighth of a doubling wide, two of them make one of bucket b: [2^(b/4), 2^((b+1)/4)) ns.
-- Counts are scaled up where the senders sampled.
SELECT
    at_ns,
    toInt16(floor(pair.1 / 2)) AS bucket,
    toUInt64(greatest(1, round(sum(pair.2)))) AS spans,
    toUInt64(0) AS failed
FROM
(
    SELECT
        toInt64(intDiv(toUnixTimestamp(Minute), {step_s:UInt32}) * {step_s:UInt32}) * 1000000000 AS at_ns,
        arrayJoin(CAST(
            mapApply((k, v) -> (k, v * (WeightedSpans / Spans)), DurationHistogram), 'Array(Tuple(Int16, Float64))')) AS pair
    FROM otel_spans_1m
    WHERE ${span_filters}
        AND ${is_request}
)
GROUP BY at_ns, bucket
ORDER BY at_ns, bucket
