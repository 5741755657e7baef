-- Spans in the window's minutes that are not of training jobs.
SELECT sum(Spans) AS spans
FROM otel_spans_1m
WHERE Minute >= toStartOfMinute(fromUnixTimestamp64Nano({from_ns:Int64})) AND Minute < fromUnixTimestamp64Nano({to_ns:Int64})
    AND NOT has({services:Array(String)}, ServiceName)
