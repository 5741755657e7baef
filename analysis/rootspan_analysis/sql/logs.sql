-- Log templates by service, operation and time bucket: in how many spans each was written, and how many records.
-- A template is a body (of a JSON body its message) without what varies: words with digits, values, quotes, lists.
-- The operation is the span's in which the record was written; empty for records outside of any.
WITH
    records AS
    (
        SELECT
            ServiceName AS service, Severity AS severity,
            if(SpanId = '', 0, cityHash64(TraceId, SpanId)) AS span,
            ${log_template} AS template,
            toInt32(floor((toUnixTimestamp64Nano(Timestamp) - {origin_ns:Int64}) / {bucket_ns:Int64})) AS bucket,
            substring(Body, 1, 300) AS body
        FROM rootspan_logs
        WHERE Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
            AND ({modulus:UInt32} = 1 OR cityHash64(if(TraceId = '', toString(Timestamp), TraceId)) % {modulus:UInt32} = 0
                OR (TraceId = '' AND Severity IN ('WARN', 'ERROR', 'FATAL')))
    ),
    writers AS
    (
        SELECT Id AS span, any(SpanName) AS operation
        FROM ${spans}
        WHERE Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
            AND ({modulus:UInt32} = 1 OR TraceHash % {modulus:UInt32} = 0)
            AND Id IN (
                SELECT cityHash64(TraceId, SpanId) FROM rootspan_logs
                WHERE Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64})
                    AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64}) AND SpanId != ''
                    AND ({modulus:UInt32} = 1 OR cityHash64(TraceId) % {modulus:UInt32} = 0))
        GROUP BY span
    )
SELECT
    service, operation, severity, template, any(example) AS example,
    groupArray(bucket) AS buckets, groupArray(spans) AS spans, groupArray(written) AS written
FROM
(
    SELECT
        service, writers.operation AS operation, severity, template, bucket,
        toFloat64(uniqExact(records.span)) AS spans, toFloat64(count()) AS written, any(body) AS example
    FROM records
    LEFT JOIN writers ON records.span = writers.span
    GROUP BY service, operation, severity, template, bucket
)
GROUP BY service, operation, severity, template
HAVING arraySum(written) >= {least:UInt32}
