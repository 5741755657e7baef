-- Exemplars of a metric that name a trace, the largest values first.
SELECT
    toUnixTimestamp64Nano(at) AS at_ns, value, trace_id, span_id, name
FROM
(
    SELECT ${metric_group} AS name, one.2 AS at, one.3 AS value, one.4 AS span_id, one.5 AS trace_id
    FROM otel_metrics_gauge ARRAY JOIN Exemplars AS one WHERE {kind:String} = 'gauge' AND ${metric_scope}
    UNION ALL
    SELECT ${metric_group} AS name, one.2 AS at, one.3 AS value, one.4 AS span_id, one.5 AS trace_id
    FROM otel_metrics_sum ARRAY JOIN Exemplars AS one WHERE {kind:String} = 'sum' AND ${metric_scope}
    UNION ALL
    SELECT ${metric_group} AS name, one.2 AS at, one.3 AS value, one.4 AS span_id, one.5 AS trace_id
    FROM otel_metrics_histogram ARRAY JOIN Exemplars AS one WHERE {kind:String} = 'histogram' AND ${metric_scope}
)
WHERE trace_id != ''
ORDER BY value DESC, at_ns
LIMIT {limit:UInt32}
