-- Failed calls without a server span by minute and address.
SELECT
    toStartOfMinute(Timestamp) AS minute, SpanAttributes['server.address'] AS address, count() AS failed,
    any(SpanAttributes['error.type']) AS error, any(StatusMessage) AS message
FROM rootspan_spans
WHERE ServiceName = {service:String} AND SpanKind IN ('Client', 'Producer') AND StatusCode = 'Error'
    AND ({peer:String} = '' OR SpanAttributes['peer.service'] IN ('', {peer:String}))
    AND Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
GROUP BY minute, address
ORDER BY failed DESC
LIMIT 100
