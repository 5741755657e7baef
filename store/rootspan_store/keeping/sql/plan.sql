INSERT INTO rootspan_retention (Window, End, Done, Holder, Blocks)
SELECT toDateTime({from:UInt32}), toDateTime({to:UInt32}), false, {holder:String}, {blocks:UInt16}
