-- Log records of the fleet: forty kinds, most of them of the gateway, a few failures among them; each carries a trace's id.
INSERT INTO otel_logs (Timestamp, TraceId, SpanId, SeverityText, SeverityNumber, ServiceName, Body, ResourceAttributes)
WITH
    cityHash64(number) AS draw,
    ['gateway', 'balancer', 'ranker', 'feature-store'][if(draw % 10 < 6, 1, draw % 4 + 1)] AS service,
    toUInt32(intDiv(draw, 7) % greatest(1, toUInt32({hosts:UInt32} * if(service = 'ranker', 0.9, 0.02)))) AS host_number,
    toUInt8(multiIf(draw % 400 = 0, 17, draw % 60 = 0, 13, 9)) AS severity
SELECT
    fromUnixTimestamp64Nano({from_ns:Int64} + toInt64(intDiv(draw, 11) % toUInt64({length_ns:Int64}))),
    lower(hex(MD5(toString(intDiv(draw, 13) % 100000)))),
    lower(leftPad(hex(draw % 1000000), 16, '0')),
    transform(severity, [17, 13], ['ERROR', 'WARN'], 'INFO'),
    severity,
    service,
    concat(service, ' step ', char(97 + toUInt8(draw % 10)), ' of request ', toString(draw % 1000000), ' took ', toString(draw % 500), ' ms'),
    map('service.name', service, 'host.name', concat(service, '-', leftPad(toString(host_number), 4, '0')),
        'cloud.region', if(host_number % 2 = 0, 'us-east', 'eu-west'))
FROM numbers({count:UInt64})
