-- Part of a WHERE over spans: those of requests that touch one service.
AND TraceHash IN (
    SELECT TraceHash FROM ${spans}
    WHERE ServiceName = {service:String}
        AND Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64}))
