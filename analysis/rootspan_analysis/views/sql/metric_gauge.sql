-- A gauge over time: the mean of its points by group and bucket.
SELECT
    name,
    at_s,
    avg(Value) AS value
FROM
(
    SELECT
        ${metric_group} AS name,
        toInt64(intDiv(toUnixTimestamp(TimeUnix), {step_s:UInt32}) * {step_s:UInt32}) AS at_s,
        Value
    FROM otel_metrics_gauge
    WHERE ${metric_scope}
)
GROUP BY name, at_s
ORDER BY name, at_s
