-- Rows by the second of their arrival.
SELECT toUnixTimestamp(InsertedAt) AS Second, count() AS Items
FROM
(
    SELECT InsertedAt FROM otel_traces WHERE InsertedAt >= toDateTime({from:UInt32}) AND InsertedAt < toDateTime({to:UInt32})
    UNION ALL
    SELECT InsertedAt FROM otel_logs WHERE InsertedAt >= toDateTime({from:UInt32}) AND InsertedAt < toDateTime({to:UInt32})
)
GROUP BY Second
ORDER BY Second
