-- Calls by minute that one of the lost hosts served, and one of the others.
WITH HostName IN {hosts:Array(String)} AS lost
SELECT
    toStartOfMinute(Timestamp) AS minute,
    round(countIf(lost) / length({hosts:Array(String)}), 2) AS lost_calls,
    round(countIf(NOT lost) / greatest(1, uniqExactIf(HostName, NOT lost)), 2) AS other_calls,
    arraySort(groupUniqArrayIf(20)(HostName, lost)) AS heard_of
FROM rootspan_spans
WHERE ServiceName = {service:String}
    AND Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
GROUP BY minute
ORDER BY minute
