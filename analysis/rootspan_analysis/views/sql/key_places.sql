-- On how many spans of the range a key stands, and on how many of their resources. Reads the maps' keys only.
SELECT countIf(has(SpanAttributes.keys, {key:String})) AS on_spans, countIf(has(ResourceAttributes.keys, {key:String})) AS on_resources
FROM rootspan_spans
WHERE Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
