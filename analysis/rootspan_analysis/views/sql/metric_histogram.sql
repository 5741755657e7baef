-- A histogram over time: the mean of what was recorded in each bucket of time, by group.
SELECT
    name,
    at_s,
    sum(sum_grown) / sum(count_grown) AS value
FROM
(
    SELECT
        name, at_s,
        if(AggregationTemporality = 1, toFloat64(Count),
            if(lagInFrame(1, 1, 0) OVER series = 0, 0.,
                if(Count >= lagInFrame(Count) OVER series, toFloat64(Count - lagInFrame(Count) OVER series), toFloat64(Count)))
        ) AS count_grown,
        if(AggregationTemporality = 1, Sum,
            if(lagInFrame(1, 1, 0) OVER series = 0, 0.,
                if(Count >= lagInFrame(Count) OVER series, Sum - lagInFrame(Sum) OVER series, Sum))) AS sum_grown
    FROM
    (
        SELECT
            ${metric_group} AS name,
            toInt64(intDiv(toUnixTimestamp(TimeUnix), {step_s:UInt32}) * {step_s:UInt32}) AS at_s,
            cityHash64(ResourceAttributes, Attributes, ScopeName) AS id,
            TimeUnix, Count, Sum, AggregationTemporality
        FROM otel_metrics_histogram
        WHERE ${metric_scope}
    )
    WINDOW series AS (PARTITION BY id ORDER BY TimeUnix ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)
)
GROUP BY name, at_s
HAVING sum(count_grown) > 0
ORDER BY name, at_s
