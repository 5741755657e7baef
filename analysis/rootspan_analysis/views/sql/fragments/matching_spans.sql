SELECT
        TraceId AS trace_id,
        SpanId AS span_id,
        toUnixTimestamp64Nano(Timestamp) AS start_ns,
        ServiceName AS service,
        SpanName AS operation,
        HostName AS host,
        Duration AS duration_ns,
        StatusCode AS status,
        StatusMessage AS status_message,
        multiIf(
            {order:String} = 'slowest', toInt64(least(Duration, 9223372036854775807)),
            {order:String} IN ('failed', 'newest'), toUnixTimestamp64Nano(Timestamp),
            toInt64(intDiv(cityHash64(TraceId), 2))) AS place
    FROM rootspan_spans
    WHERE ${span_search}
        AND Duration >= {floor_ns:UInt64}
        AND ${in_slices}
