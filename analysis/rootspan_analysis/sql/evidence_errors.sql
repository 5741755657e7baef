-- Failed calls by minute and what they said: of the suspect, and of the same operation elsewhere.
SELECT
    toStartOfMinute(Timestamp) AS minute,
    (empty({hosts:Array(String)}) OR HostName IN {hosts:Array(String)})
        AND ({version:String} = '' OR ServiceVersion = {version:String}) AS suspect,
    count() AS calls,
    countIf(StatusCode = 'Error') AS failed,
    round(countIf(StatusCode = 'Error') / count(), 4) AS rate,
    anyIf(StatusMessage, StatusCode = 'Error') AS message
FROM rootspan_spans
WHERE ServiceName = {service:String} AND SpanName = {operation:String}
    AND Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
GROUP BY minute, suspect
ORDER BY suspect DESC, minute
