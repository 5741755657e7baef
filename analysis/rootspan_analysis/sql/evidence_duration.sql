-- Duration by minute, from the minutes' totals of all spans: of the suspect, and of the same operation elsewhere.
SELECT
    Minute AS minute,
    HostName IN {hosts:Array(String)} AS suspect,
    sum(Spans) AS calls,
    round(sum(DurationSum) / sum(Spans) / 1e6, 3) AS mean_ms,
    round(max(DurationMax) / 1e6, 3) AS longest_ms
FROM otel_spans_1m
WHERE ServiceName = {service:String} AND SpanName = {operation:String}
    AND Minute >= toStartOfMinute(fromUnixTimestamp64Nano({from_ns:Int64})) AND Minute < fromUnixTimestamp64Nano({to_ns:Int64})
GROUP BY minute, suspect
ORDER BY suspect DESC, minute
