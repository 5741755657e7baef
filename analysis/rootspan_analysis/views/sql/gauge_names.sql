-- Which gauges the range holds.
SELECT DISTINCT MetricName AS metric
FROM otel_gauges_1m
WHERE Minute >= toDateTime({from_s:Int64}, 'UTC') AND Minute < toDateTime({to_s:Int64}, 'UTC')
ORDER BY metric
