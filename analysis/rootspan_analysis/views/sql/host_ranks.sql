-- Ranks of training jobs that a host's spans at the range's end name.
SELECT JobId AS job, ResourceAttributes['training.rank'] AS rank, count() AS spans
FROM rootspan_spans
WHERE HostName = {host:String} AND JobId != ''
    AND Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
GROUP BY job, rank
ORDER BY job, toInt64OrZero(rank)
LIMIT 128
