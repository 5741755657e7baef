Minute >= toDateTime({from_s:Int64}, 'UTC') AND Minute < toDateTime({to_s:Int64}, 'UTC')
        AND ({service:String} = '' OR ServiceName = {service:String})
        AND ({region:String} = '' OR Region = {region:String})
