-- Log templates by service, operation, host and time bucket. A template is a body without numbers, ids and quoted parts.
-- The operation is the span's in which the record was written; empty for records outside of any.
WITH
    records AS
    (
        SELECT
            ServiceName AS service, HostName AS host, Severity AS severity,
            if(SpanId = '', 0, cityHash64(TraceId, SpanId)) AS span,
            substring(replaceRegexpAll(
                substring(Body, 1, 400),
                '[0-9a-fA-F]{8,}(-[0-9a-fA-F]{4,})*|[+-]?[0-9]+([.,:][0-9]+)*|"[^"]*"|''[^'']*''', '#'), 1, 160) AS template,
            toInt32(floor((toUnixTimestamp64Nano(Timestamp) - {origin_ns:Int64}) / {bucket_ns:Int64})) AS bucket,
            substring(Body, 1, 300) AS body
        FROM otel_logs
        WHERE Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
    ),
    writers AS
    (
        SELECT cityHash64(TraceId, SpanId) AS span, any(SpanName) AS operation
        FROM otel_traces
        WHERE Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
            AND SpanId IN (
                SELECT SpanId FROM otel_logs
                WHERE Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64})
                    AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64}) AND SpanId != '')
        GROUP BY span
    )
SELECT
    service, operation, severity, template, any(example) AS example,
    groupArray(bucket) AS buckets, groupArray(written) AS n
FROM
(
    SELECT
        service, writers.operation AS operation, severity, template, bucket,
        toFloat64(count()) AS written, any(body) AS example
    FROM records
    LEFT JOIN writers ON records.span = writers.span
    GROUP BY service, operation, severity, template, bucket
)
GROUP BY service, operation, severity, template
HAVING sum(written) >= {least:UInt32}
