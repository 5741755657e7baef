-- How many spans have a duration in each bucket, the longest first, by the rollup: bucket b holds [2^(b/8), 2^((b+1)/8)) ns.
SELECT pair.1 AS bucket, pair.2 AS spans
FROM
(
    SELECT arrayJoin(CAST(sumMap(DurationHistogram), 'Array(Tuple(Int16, UInt64))')) AS pair
    FROM otel_spans_1m
    WHERE ${span_filters}
        AND ({host:String} = '' OR HostName = {host:String})
        AND ({operation:String} = '' OR SpanName = {operation:String})
)
ORDER BY bucket DESC
