-- Keys of attributes that spans of the range's end carry, the most frequent first. Reads the maps' keys only.
SELECT key, count() AS spans
FROM
(
    SELECT arrayJoin(arrayDistinct(arrayConcat(SpanAttributes.keys, ResourceAttributes.keys))) AS key
    FROM rootspan_spans
    WHERE Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64})
        AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
        AND ${in_slices}
        AND ({service:String} = '' OR ServiceName = {service:String})
)
GROUP BY key
ORDER BY spans DESC, key
LIMIT {limit:UInt32}
