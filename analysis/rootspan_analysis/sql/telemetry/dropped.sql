-- Items that senders say they dropped: OpenTelemetry's SDK self metrics whose error.type is set.
-- Source: OpenTelemetry semantic conventions, "SDK metrics", otel.sdk.processor.*.processed.
-- A cumulative counter counts with its last value in each series, a delta with all.
SELECT sum(Lost) AS Dropped
FROM
(
    SELECT if(any(AggregationTemporality) = 1, sum(Value), max(Value)) AS Lost
    FROM otel_metrics_sum
    WHERE MetricName IN ('otel.sdk.processor.span.processed', 'otel.sdk.processor.log.processed')
        AND mapContains(Attributes, 'error.type')
    GROUP BY MetricName, ResourceAttributes, Attributes, StartTimeUnix
)
