-- Cells of components: who did what where, for which kind of request, by time bucket.
-- Self time is a span's duration without the union of its children's intervals and without its queue wait.
-- Size is the logarithm of a request's tokens, 0 where they are not told; with its products, for a slope.
-- An error begins at a span none of whose children failed. Client spans that have a counterpart are edges, not cells.
WITH
    chosen AS
    (
        SELECT
            Id, Parent, Timestamp, SpanName, SpanKind, ServiceName, HostName, Region, Zone, ServiceVersion, Gpu,
            Failed, Duration, toFloat64(Weight) * {modulus:UInt32} AS weight_of_one, Model, Peer, toFloat64(Size) AS amount,
            toFloat64(WaitUs) AS wait_us
        FROM ${spans}
        WHERE Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
            AND ({modulus:UInt32} = 1 OR TraceHash % {modulus:UInt32} = 0)
            AND ({job:String} = '' OR JobId = {job:String})
            ${only_service}
    ),
    below AS
    (
        SELECT
            Parent,
            intervalLengthSum(
                toUnixTimestamp64Nano(Timestamp), toUnixTimestamp64Nano(Timestamp) + toInt64(Duration)) AS busy_ns,
            countIf(Failed) AS failed_children,
            count() AS children,
            any(cityHash64(ServiceName)) AS child_service
        FROM ${spans}
        WHERE Parent != 0
            AND Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
            AND ({modulus:UInt32} = 1 OR TraceHash % {modulus:UInt32} = 0)
        GROUP BY Parent
    ),
    spans AS
    (
        SELECT
            ServiceName AS service, SpanName AS operation, SpanKind AS kind, HostName AS host, Region AS region, Zone AS zone,
            ServiceVersion AS version, Gpu AS gpu, Model AS model, amount,
            toInt32(floor((toUnixTimestamp64Nano(Timestamp) - {origin_ns:Int64}) / {bucket_ns:Int64})) AS bucket,
            greatest(0., (toInt64(Duration) - toInt64(below.busy_ns)) / 1e3 - wait_us) AS self_us,
            wait_us, Failed AND below.failed_children = 0 AS origin, below.children AS children, weight_of_one
        FROM chosen
        LEFT JOIN below ON chosen.Id = below.Parent
        WHERE NOT (SpanKind IN ('Client', 'Producer') AND (children > 0 AND child_service != cityHash64(ServiceName)
            OR Peer != '' AND children = 0))
    )
SELECT
    service, operation, host, region, zone, version, gpu, model,
    groupArray(bucket) AS buckets, groupArray(n) AS n, groupArray(weight) AS weight, groupArray(log_sum) AS log_sum,
    groupArray(self_ms) AS self_ms, groupArray(wait_ms) AS wait_ms, groupArray(errors) AS errors,
    groupArray(children) AS children, groupArray(size) AS size, groupArray(size_log) AS size_log, groupArray(size_sq) AS size_sq
FROM
(
    SELECT
        service, operation, host, region, zone, version, gpu, model, bucket,
        toFloat64(count()) AS n, sum(weight_of_one) AS weight, sum(log(self_us + 10)) AS log_sum,
        sum(self_us) / 1e3 AS self_ms, sum(wait_us) / 1e3 AS wait_ms, toFloat64(countIf(origin)) AS errors,
        toFloat64(sum(children)) AS children,
        sum(amount) AS size, sum(amount * log(self_us + 10)) AS size_log, sum(amount * amount) AS size_sq
    FROM spans
    GROUP BY service, operation, host, region, zone, version, gpu, model, bucket
)
GROUP BY service, operation, host, region, zone, version, gpu, model
