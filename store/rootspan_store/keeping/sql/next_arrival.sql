-- When the first row after the last window arrived; 0: there is none. And what time the store has.
SELECT toUnixTimestamp(minOrDefault(InsertedAt)) AS Arrival, toUnixTimestamp(now()) AS Now
FROM
(
    SELECT InsertedAt FROM otel_traces WHERE InsertedAt >= toDateTime({from:UInt32})
    UNION ALL
    SELECT InsertedAt FROM otel_logs WHERE InsertedAt >= toDateTime({from:UInt32})
)
