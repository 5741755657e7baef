-- Items that senders say they dropped: OpenTelemetry's SDK self metrics whose error.type is set.
-- Source: OpenTelemetry semantic conventions, "SDK metrics": otel.sdk.processor.*.processed for what never left,
-- otel.sdk.exporter.*.exported for what was lost on the way. What a collector rejected it counts itself.
-- A cumulative counter counts with its last value in each series, a delta with all.
SELECT sum(Lost) AS Dropped
FROM
(
    SELECT if(any(AggregationTemporality) = 1, sum(Value), max(Value)) AS Lost
    FROM otel_metrics_sum
    WHERE MetricName IN (
            'otel.sdk.processor.span.processed',
            'otel.sdk.processor.log.processed',
            'otel.sdk.exporter.span.exported',
            'otel.sdk.exporter.log.exported',
            'otel.sdk.exporter.metric_data_point.exported'
        )
        AND mapContains(Attributes, 'error.type')
        AND Attributes['error.type'] != 'rejected'
    GROUP BY MetricName, ResourceAttributes, Attributes, StartTimeUnix
)
