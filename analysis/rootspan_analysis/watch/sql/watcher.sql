-- The watcher that acts: of those that live, the one that began first. A begin of 0: it has left.
SELECT Holder AS holder
FROM rootspan_watchers FINAL
WHERE Name = {name:String} AND Seen >= fromUnixTimestamp64Nano({alive_ns:Int64}) AND toUnixTimestamp64Nano(Since) > 0
ORDER BY Since, Holder
LIMIT 1
