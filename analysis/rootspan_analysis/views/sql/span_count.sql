-- Spans stored in the range, from the rollup.
SELECT toUInt64(sum(Spans)) AS spans
FROM otel_spans_1m
WHERE Minute >= toDateTime({from_s:Int64}, 'UTC') AND Minute < toDateTime({to_s:Int64}, 'UTC')
