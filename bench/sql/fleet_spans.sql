-- Spans of a fleet, made in the engine from numbers: a trace has eight spans over four services, hosts are spread over two
-- regions, four zones, and racks of forty. One host of the rankers is slow in the last third of the time.
INSERT INTO otel_traces
    (Timestamp, TraceId, SpanId, ParentSpanId, SpanName, SpanKind, ServiceName, ResourceAttributes, SpanAttributes, Duration, StatusCode)
WITH
    number % 8 AS place,
    intDiv(number, 8) AS trace,
    cityHash64(trace) AS draw,
    ['gateway', 'gateway', 'balancer', 'balancer', 'ranker', 'ranker', 'ranker', 'feature-store'][place + 1] AS service,
    ['Server', 'Client', 'Server', 'Client', 'Server', 'Internal', 'Client', 'Server'][place + 1] AS kind,
    ['POST /recommend', 'Balancer/Recommend', 'Balancer/Recommend', 'Ranker/Rank', 'Ranker/Rank', 'model.forward', 'FeatureStore/Get',
        'FeatureStore/Get'][place + 1] AS operation,
    [0.02, 0.02, 0.02, 0.02, 0.9, 0.9, 0.9, 0.06][place + 1] AS portion,
    toUInt32(cityHash64(draw, service) % greatest(1, toUInt32({hosts:UInt32} * portion))) AS host_number,
    if(host_number % 2 = 0, 'us-east', 'eu-west') AS region,
    concat(region, if(intDiv(host_number, 2) % 2 = 0, '-a', '-b')) AS zone,
    {from_ns:Int64} + toInt64(draw % toUInt64({length_ns:Int64})) AS begins,
    service = 'ranker' AND host_number = 7 AND begins > {from_ns:Int64} + intDiv({length_ns:Int64} * 2, 3) AS slow,
    exp(2.5 + 0.35 * ((draw % 1000) / 250 - 2)) * (1 - place * 0.09) * if(slow, 6, 1) AS took_ms
SELECT
    fromUnixTimestamp64Nano(begins + toInt64(place * 100000)) AS Timestamp,
    lower(hex(MD5(toString(trace)))) AS TraceId,
    lower(leftPad(hex(trace * 8 + place + 1), 16, '0')) AS SpanId,
    if(place = 0, '', lower(leftPad(hex(trace * 8 + if(place = 6 OR place = 5, 5, place)), 16, '0'))) AS ParentSpanId,
    operation AS SpanName,
    kind AS SpanKind,
    service AS ServiceName,
    map('service.name', service, 'host.name', concat(service, '-', leftPad(toString(host_number), 4, '0')), 'cloud.region', region,
        'cloud.availability_zone', zone, 'host.rack', concat(zone, '-r', toString(intDiv(host_number, 40))),
        'network.switch', concat('sw-', zone, '-', toString(intDiv(host_number, 160))), 'service.version', '3.8.1',
        'gpu.index', if(service = 'ranker', '0', '')) AS ResourceAttributes,
    map('rpc.system.name', 'grpc', 'peer.service', if(kind = 'Client', ['', 'balancer', '', 'ranker', '', '', 'feature-store', ''][place + 1], ''),
        'gen_ai.request.model', if(service = 'ranker', if(draw % 5 = 0, 'dlrm-v3-wide', 'dlrm-v3-base'), ''),
        'app.candidates', toString(draw % 500)) AS SpanAttributes,
    toUInt64(took_ms * 1e6) AS Duration,
    if(draw % 1500 = 0, 'Error', 'Unset') AS StatusCode
FROM numbers({first:UInt64}, {count:UInt64})
