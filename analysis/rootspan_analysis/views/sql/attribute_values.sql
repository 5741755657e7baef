-- Values that a key has on spans of the range's end, the most frequent first.
SELECT value, count() AS spans
FROM
(
    SELECT if(mapContains(SpanAttributes, {key:String}), SpanAttributes[{key:String}], ResourceAttributes[{key:String}]) AS value
    FROM rootspan_spans
    WHERE Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64})
        AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
        AND ({service:String} = '' OR ServiceName = {service:String})
        AND (mapContains(SpanAttributes, {key:String}) OR mapContains(ResourceAttributes, {key:String}))
)
GROUP BY value
ORDER BY spans DESC, value
LIMIT {limit:UInt32}
