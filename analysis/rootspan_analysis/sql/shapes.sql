-- Which calls an operation makes: by service, operation, called operation and time bucket, in how many spans of the
-- operation it occurs. An empty called operation counts all spans.
WITH
    parents AS
    (
        SELECT
            Id AS id, ServiceName AS service, SpanName AS operation,
            toInt32(floor((toUnixTimestamp64Nano(Timestamp) - {origin_ns:Int64}) / {bucket_ns:Int64})) AS bucket
        FROM ${spans}
        WHERE Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
            AND TraceHash % {shape_modulus:UInt32} = 0
            AND SpanKind NOT IN ('Client', 'Producer')
            AND ({job:String} = '' OR JobId = {job:String})
            ${only_service}
    ),
    children AS
    (
        SELECT Parent AS parent, ServiceName AS child_service, SpanName AS child
        FROM ${spans}
        WHERE Parent != 0
            AND Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
            AND TraceHash % {shape_modulus:UInt32} = 0
        GROUP BY parent, child_service, child
    )
SELECT
    service, operation, child_service, child, groupArray(bucket) AS buckets, groupArray(n) AS spans
FROM
(
    SELECT service, operation, child_service, child, bucket, toFloat64(count()) AS n
    FROM children
    INNER JOIN parents ON children.parent = parents.id
    GROUP BY service, operation, child_service, child, bucket
    UNION ALL
    SELECT service, operation, '' AS child_service, '' AS child, bucket, toFloat64(count()) AS n
    FROM parents
    GROUP BY service, operation, bucket
)
GROUP BY service, operation, child_service, child
