-- Requests that each service served, by region. Scaled up where the senders sampled.
SELECT ServiceName AS service, Region AS region, sum(WeightedSpans) AS requests
FROM otel_spans_1m
WHERE ${span_filters}
    AND ${serving}
GROUP BY service, region
ORDER BY service, region
