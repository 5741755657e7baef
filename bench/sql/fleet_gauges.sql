-- GPU gauges of the rankers, a point every 15 s.
INSERT INTO otel_metrics_gauge (ServiceName, MetricName, MetricUnit, ResourceAttributes, Attributes, TimeUnix, Value)
WITH
    intDiv(number, 4) AS point,
    ['hw.gpu.utilization', 'hw.gpu.clock', 'hw.temperature', 'hw.gpu.throttled'][number % 4 + 1] AS metric,
    toUInt32(point % toUInt64({hosts:UInt32} * 0.9)) AS host_number,
    if(host_number % 2 = 0, 'us-east', 'eu-west') AS region
SELECT
    'ranker', metric, ['1', 'MHz', 'Cel', '1'][number % 4 + 1],
    map('service.name', 'ranker', 'host.name', concat('ranker-', leftPad(toString(host_number), 4, '0')), 'cloud.region', region,
        'gpu.index', '0'),
    map('hw.type', 'gpu'),
    fromUnixTimestamp64Nano({from_ns:Int64} + toInt64(intDiv(point, toUInt64({hosts:UInt32} * 0.9))) * 15000000000),
    [0.4 + (cityHash64(number) % 100) / 300, 1740., 48 + (cityHash64(number) % 100) / 20, 0.][number % 4 + 1]
FROM numbers(toUInt64(toUInt64({hosts:UInt32} * 0.9) * 4 * intDiv({length_ns:Int64}, 15000000000)))
