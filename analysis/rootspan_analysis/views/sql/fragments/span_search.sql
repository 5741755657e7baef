Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64})
    AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
    AND ({service:String} = '' OR ServiceName = {service:String})
    AND ({host:String} = '' OR HostName = {host:String})
    AND ({region:String} = '' OR Region = {region:String})
    AND ({operation:String} = '' OR SpanName = {operation:String})
    AND ({service:String} != '' OR {host:String} != '' OR {operation:String} != '' OR {by_root:UInt8} = 0
        OR ParentSpanId = '')
    AND ({only_failed:UInt8} = 0 OR StatusCode = 'Error')
    AND ({without_service:String} = '' OR NOT (ServiceName = {without_service:String} AND HostName = {without_host:String}))
    AND Duration >= {min_duration_ns:UInt64} AND Duration <= {max_duration_ns:UInt64}
    AND TraceId != ''
    AND ${conditions}
