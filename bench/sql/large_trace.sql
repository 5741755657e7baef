-- One trace: a root, a batch for every hundred spans, and their calls.
INSERT INTO otel_traces
    (Timestamp, TraceId, SpanId, ParentSpanId, SpanName, SpanKind, ServiceName, ResourceAttributes, Duration, StatusCode)
SELECT
    fromUnixTimestamp64Nano({from_ns:Int64} + toInt64(number) * 10000),
    {trace_id:String},
    lower(leftPad(hex(number + 1), 16, '0')),
    multiIf(number = 0, '', number % 100 = 1, leftPad('1', 16, '0'),
        lower(leftPad(hex(intDiv(number - 1, 100) * 100 + 2), 16, '0'))),
    multiIf(number = 0, 'job', number % 100 = 1, concat('batch ', toString(intDiv(number, 100))), 'call'),
    'Internal', 'batcher', map('service.name', 'batcher', 'host.name', concat('b-', toString(number % 16))),
    toUInt64(multiIf(number = 0, {count:UInt64} * 10000, number % 100 = 1, 1000000, 9000)),
    if(number = {count:UInt64} - 1, 'Error', 'Unset')
FROM numbers({count:UInt64})
