-- A counter over time, as a rate per second by group and bucket; a sum that may fall is its mean instead. What a cumulative
-- counter grew by is counted series by series, and a reset counts from zero.
SELECT
    name,
    at_s,
    if(max(monotonic), sum(grown) / {step_s:UInt32}, avg(Value)) AS value
FROM
(
    SELECT
        name, at_s, Value, IsMonotonic AS monotonic,
        if(AggregationTemporality = 1, Value,
            if(lagInFrame(1, 1, 0) OVER series = 0, 0,
                if(Value >= lagInFrame(Value) OVER series, Value - lagInFrame(Value) OVER series, Value))) AS grown
    FROM
    (
        SELECT
            ${metric_group} AS name,
            toInt64(intDiv(toUnixTimestamp(TimeUnix), {step_s:UInt32}) * {step_s:UInt32}) AS at_s,
            cityHash64(ResourceAttributes, Attributes, ScopeName) AS id,
            TimeUnix, Value, IsMonotonic, AggregationTemporality
        FROM otel_metrics_sum
        WHERE ${metric_scope}
    )
    WINDOW series AS (PARTITION BY id ORDER BY TimeUnix ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)
)
GROUP BY name, at_s
ORDER BY name, at_s
