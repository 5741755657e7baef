-- What arrived in the window, into the history that later windows are measured against.
INSERT INTO rootspan_operations_1d
SELECT
    Day, ServiceName, SpanName, SpanKind, ServiceVersion, sum(n) AS Spans, sum(e) AS Errors,
    CAST((groupArray(bucket), groupArray(n)), 'Map(Int16, UInt64)') AS DurationHistogram, max(latest) AS InsertedAt
FROM
(
    SELECT
        toDate(toDateTime({from:UInt32})) AS Day, ServiceName, SpanName, SpanKind, ServiceVersion,
        toInt16(floor(log2(greatest(Duration, 1)) * 8)) AS bucket,
        count() AS n, countIf(StatusCode = 'Error') AS e, max(InsertedAt) AS latest
    FROM otel_traces
    WHERE InsertedAt >= toDateTime({from:UInt32}) AND InsertedAt < toDateTime({to:UInt32})
    GROUP BY Day, ServiceName, SpanName, SpanKind, ServiceVersion, bucket
)
GROUP BY Day, ServiceName, SpanName, SpanKind, ServiceVersion
