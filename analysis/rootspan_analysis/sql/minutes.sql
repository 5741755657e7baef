-- Minutes that hold spans, up to the window's end: how much history there is, and how many spans a question would read.
SELECT toUnixTimestamp(Minute) AS minute_s, sum(Spans) AS spans
FROM otel_spans_1m
WHERE Minute >= fromUnixTimestamp({from_s:Int64}) AND Minute < fromUnixTimestamp({to_s:Int64})
GROUP BY Minute
ORDER BY Minute
