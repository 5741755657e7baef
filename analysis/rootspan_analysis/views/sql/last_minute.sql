-- The last minute of the range in which spans began, unix seconds; 0 if there is none.
SELECT toInt64(toUnixTimestamp(max(Minute))) AS minute_s
FROM otel_spans_1m
WHERE Minute >= toDateTime({from_s:Int64}, 'UTC') AND Minute < toDateTime({to_s:Int64}, 'UTC')
