(
    SpanKind IN ('Server', 'Consumer')
    OR ServiceName NOT IN (
        SELECT ServiceName FROM otel_spans_1m
        WHERE SpanKind IN ('Server', 'Consumer')
            AND Minute >= toDateTime({from_s:Int64}, 'UTC') AND Minute < toDateTime({to_s:Int64}, 'UTC'))
)
