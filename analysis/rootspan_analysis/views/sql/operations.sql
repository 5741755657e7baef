-- Operations of a service (of all, if none is named) in the range, the most frequent first.
SELECT SpanName AS operation, sum(Spans) AS spans
FROM otel_spans_1m
WHERE ${span_filters}
GROUP BY operation
ORDER BY spans DESC, operation
LIMIT {limit:UInt32}
