-- Client time without server time by minute and pair of zones.
-- Of many calls one trace in so many that some 200,000 remain.
WITH
    (
        SELECT intDiv(count(), 200000) + 1
        FROM rootspan_spans
        WHERE ServiceName = {service:String} AND SpanKind IN ('Client', 'Producer')
            AND Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
    ) AS one_in
SELECT
    toStartOfMinute(c.Timestamp) AS minute,
    c.Region AS caller_region, c.Zone AS caller_zone, s.Zone AS callee_zone,
    ({region:String} = '' OR c.Region = {region:String}) AND ({zone:String} = '' OR s.Zone = {zone:String}) AS suspect,
    count() AS calls,
    round(quantile(0.5)((toInt64(c.Duration) - toInt64(s.Duration)) / 1e6), 3) AS median_gap_ms
FROM rootspan_spans AS c
INNER JOIN
(
    SELECT TraceId, ParentSpanId, ServiceName, Zone, Duration
    FROM rootspan_spans
    WHERE ServiceName = {peer:String} AND ParentSpanId != ''
        AND Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
        AND cityHash64(TraceId) % one_in = 0
) AS s ON c.TraceId = s.TraceId AND c.SpanId = s.ParentSpanId
WHERE c.ServiceName = {service:String} AND c.SpanKind IN ('Client', 'Producer')
    AND c.Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND c.Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
    AND cityHash64(c.TraceId) % one_in = 0
GROUP BY minute, caller_region, caller_zone, callee_zone, suspect
ORDER BY suspect DESC, caller_zone, callee_zone, minute
