-- Requests as their senders see them: root spans by service, operation and time bucket.
SELECT
    ServiceName AS service,
    SpanName AS operation,
    toInt32(floor((toUnixTimestamp64Nano(Timestamp) - {origin_ns:Int64}) / {bucket_ns:Int64})) AS bucket,
    count() AS n,
    sum(toFloat64(Weight)) * {modulus:UInt32} AS weight,
    countIf(Failed) AS errors,
    sum(Duration) / 1e6 AS total_ms,
    sum(log(Duration / 1e3 + 10)) AS log_sum,
    quantilesTDigest(0.5, 0.9, 0.99)(Duration / 1e6) AS quantiles_ms
FROM ${spans}
WHERE Parent = 0
    AND ({modulus:UInt32} = 1 OR TraceHash % {modulus:UInt32} = 0)
    AND Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
    AND ({job:String} = '' OR JobId = {job:String})
    ${only_service}
GROUP BY service, operation, bucket
