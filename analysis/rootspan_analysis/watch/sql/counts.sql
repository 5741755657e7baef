-- How many spans each minute of the rollup holds: whether what was read of it is still all there is.
SELECT toUnixTimestamp(Minute) AS minute_s, sum(Spans) AS spans
FROM otel_spans_1m
WHERE Minute >= fromUnixTimestamp({from_s:Int64}) AND Minute < fromUnixTimestamp({to_s:Int64})
GROUP BY minute_s
