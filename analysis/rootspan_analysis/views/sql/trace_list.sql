-- Traces of a range, one row each: by their root span, or by the span of a service, a host or an operation if one is asked for.
SELECT
    TraceId AS trace_id,
    SpanId AS span_id,
    toUnixTimestamp64Nano(Timestamp) AS start_ns,
    ServiceName AS service,
    SpanName AS operation,
    HostName AS host,
    Duration AS duration_ns,
    StatusCode AS status,
    StatusMessage AS status_message
FROM otel_traces
WHERE Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64})
    AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
    AND ({service:String} = '' OR ServiceName = {service:String})
    AND ({host:String} = '' OR HostName = {host:String})
    AND ({region:String} = '' OR Region = {region:String})
    AND ({operation:String} = '' OR SpanName = {operation:String})
    AND ({service:String} != '' OR {host:String} != '' OR {operation:String} != '' OR ParentSpanId = '')
    AND ({order:String} != 'failed' OR StatusCode = 'Error')
    AND ({without_service:String} = '' OR NOT (ServiceName = {without_service:String} AND HostName = {without_host:String}))
    AND Duration >= {min_duration_ns:UInt64} AND Duration <= {max_duration_ns:UInt64}
    AND TraceId != ''
ORDER BY
    multiIf(
        {order:String} = 'slowest', toInt64(least(Duration, 9223372036854775807)),
        {order:String} = 'failed', toUnixTimestamp64Nano(Timestamp),
        toInt64(intDiv(cityHash64(TraceId), 2))) DESC,
    TraceId
LIMIT 1 BY TraceId
LIMIT {limit:UInt32}
