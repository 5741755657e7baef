-- Rows of each signal there are now, raw ones. On a cluster those of all shards: the tables are spread over them.
SELECT 'traces' AS Signal, count() AS Rows FROM otel_traces
UNION ALL
SELECT 'logs', count() FROM otel_logs
UNION ALL
SELECT 'metrics', count() FROM otel_metrics_gauge
UNION ALL
SELECT 'metrics', count() FROM otel_metrics_sum
UNION ALL
SELECT 'metrics', count() FROM otel_metrics_histogram
UNION ALL
SELECT 'metrics', count() FROM otel_metrics_exponential_histogram
UNION ALL
SELECT 'metrics', count() FROM otel_metrics_summary
