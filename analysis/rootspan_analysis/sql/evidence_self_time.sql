-- Self time by minute: of the suspect, and of the same operation elsewhere.
-- Of many calls one trace in so many that some 50,000 remain; of accused hosts all.
WITH
    (
        SELECT intDiv(count(), 50000) + 1
        FROM rootspan_spans
        WHERE ServiceName = {service:String} AND SpanName = {operation:String}
            AND Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
    ) AS one_in,
    shown AS
    (
        SELECT
            TraceId, SpanId, Timestamp, Duration,
            (empty({hosts:Array(String)}) OR HostName IN {hosts:Array(String)})
                AND ({version:String} = '' OR ServiceVersion = {version:String})
                AND ({model:String} = '' OR {model:String} IN (SpanAttributes['gen_ai.request.model'], SpanAttributes['gen_ai.response.model'])) AS suspect
        FROM rootspan_spans
        WHERE ServiceName = {service:String} AND SpanName = {operation:String}
            AND Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
            AND (HostName IN {hosts:Array(String)} OR cityHash64(TraceId) % one_in = 0)
    ),
    below AS
    (
        SELECT
            TraceId, ParentSpanId,
            intervalLengthSum(toUnixTimestamp64Nano(Timestamp), toUnixTimestamp64Nano(Timestamp) + toInt64(Duration)) AS busy_ns
        FROM rootspan_spans
        WHERE TraceId IN (SELECT TraceId FROM shown) AND ParentSpanId != ''
            AND Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
        GROUP BY TraceId, ParentSpanId
    )
SELECT
    toStartOfMinute(s.Timestamp) AS minute, s.suspect AS suspect,
    count() AS calls,
    round(avg(greatest(0, toInt64(s.Duration) - toInt64(c.busy_ns))) / 1e6, 3) AS mean_self_ms,
    round(quantile(0.99)(greatest(0, toInt64(s.Duration) - toInt64(c.busy_ns))) / 1e6, 3) AS p99_self_ms
FROM shown AS s
LEFT JOIN below AS c ON s.TraceId = c.TraceId AND s.SpanId = c.ParentSpanId
GROUP BY minute, suspect
ORDER BY suspect DESC, minute
