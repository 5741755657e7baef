(empty({seconds:Array(UInt32)}) OR toDateTime(Timestamp) IN (SELECT toDateTime(arrayJoin({seconds:Array(UInt32)}))))
