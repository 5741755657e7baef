MetricName = {metric:String}
        AND TimeUnix >= fromUnixTimestamp64Nano({from_ns:Int64}) AND TimeUnix < fromUnixTimestamp64Nano({to_ns:Int64})
        AND ({service:String} = '' OR ServiceName = {service:String})
        AND ({host:String} = '' OR HostName = {host:String})
        AND ({region:String} = '' OR Region = {region:String})
