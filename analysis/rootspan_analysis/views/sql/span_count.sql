-- Spans stored in the range, and its first minute that has any (unix seconds; 0 without), from the rollup.
SELECT toUInt64(sum(Spans)) AS spans, toInt64(toUnixTimestamp(min(Minute))) AS first_s
FROM otel_spans_1m
WHERE Minute >= toDateTime({from_s:Int64}, 'UTC') AND Minute < toDateTime({to_s:Int64}, 'UTC')
