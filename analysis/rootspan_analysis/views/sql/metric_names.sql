-- Metrics of the range's end with their kind and unit.
SELECT metric, kind, any(unit) AS unit, any(description) AS description
FROM
(
    SELECT MetricName AS metric, 'gauge' AS kind, MetricUnit AS unit, MetricDescription AS description FROM otel_metrics_gauge
    WHERE TimeUnix >= fromUnixTimestamp64Nano({from_ns:Int64}) AND TimeUnix < fromUnixTimestamp64Nano({to_ns:Int64})
    UNION ALL
    SELECT MetricName, 'sum', MetricUnit, MetricDescription FROM otel_metrics_sum
    WHERE TimeUnix >= fromUnixTimestamp64Nano({from_ns:Int64}) AND TimeUnix < fromUnixTimestamp64Nano({to_ns:Int64})
    UNION ALL
    SELECT MetricName, 'histogram', MetricUnit, MetricDescription FROM otel_metrics_histogram
    WHERE TimeUnix >= fromUnixTimestamp64Nano({from_ns:Int64}) AND TimeUnix < fromUnixTimestamp64Nano({to_ns:Int64})
)
GROUP BY metric, kind
ORDER BY metric, kind
LIMIT 1000
