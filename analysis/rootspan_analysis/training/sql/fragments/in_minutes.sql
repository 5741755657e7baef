Minute >= toStartOfMinute(fromUnixTimestamp64Nano({from_ns:Int64})) AND Minute < fromUnixTimestamp64Nano({to_ns:Int64})
