-- The change, and what else changed near it.
SELECT Time, Kind, Scope, Text, Previous, Author, Source
FROM rootspan_changes FINAL
WHERE Time >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Time < fromUnixTimestamp64Nano({to_ns:Int64})
ORDER BY Time
