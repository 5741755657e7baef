Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64})
    AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
    AND ({service:String} = '' OR ServiceName = {service:String})
    AND ({host:String} = '' OR HostName = {host:String})
    AND ({region:String} = '' OR Region = {region:String})
    AND ({operation:String} = '' OR SpanName = {operation:String})
    AND ({service:String} != '' OR {host:String} != '' OR {operation:String} != '' OR notEmpty({keys:Array(String)})
        OR ParentSpanId = '')
    AND ({only_failed:UInt8} = 0 OR StatusCode = 'Error')
    AND ({without_service:String} = '' OR NOT (ServiceName = {without_service:String} AND HostName = {without_host:String}))
    AND Duration >= {min_duration_ns:UInt64} AND Duration <= {max_duration_ns:UInt64}
    AND TraceId != ''
    AND (empty({keys:Array(String)}) OR arrayAll(
        (k, op, v) -> multiIf(
            op = 'exists', mapContains(SpanAttributes, k) OR mapContains(ResourceAttributes, k),
            op = '=', if(mapContains(SpanAttributes, k), SpanAttributes[k], ResourceAttributes[k]) = v,
            op = '!=', if(mapContains(SpanAttributes, k), SpanAttributes[k], ResourceAttributes[k]) != v,
            op = '~', positionCaseInsensitiveUTF8(
                if(mapContains(SpanAttributes, k), SpanAttributes[k], ResourceAttributes[k]), v) > 0,
            op = '>', ifNull(toFloat64OrNull(
                if(mapContains(SpanAttributes, k), SpanAttributes[k], ResourceAttributes[k])) > toFloat64OrNull(v), 0),
            op = '<', ifNull(toFloat64OrNull(
                if(mapContains(SpanAttributes, k), SpanAttributes[k], ResourceAttributes[k])) < toFloat64OrNull(v), 0),
            0),
        {keys:Array(String)}, {operators:Array(String)}, {values:Array(String)}))
