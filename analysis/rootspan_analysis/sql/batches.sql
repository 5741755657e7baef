-- Requests that shared a batch with one many times their usual size, beside those that did not, by where they ran.
-- A large request is fed in its first batch; who else was in that is told by the batch's span, which links to all of its requests, and
-- by the requests' own links, where the batch's span was not kept. Size is tokens, else the request's own part of the device's time.
WITH
    tickets AS
    (
        SELECT
            ServiceName AS service, SpanName AS operation, HostName AS host, Region AS region, Zone AS zone, ServiceVersion AS version,
            Gpu AS gpu, SpanAttributes['gen_ai.request.model'] AS model, TraceId AS trace, ParentSpanId AS parent,
            SpanAttributes['rootspan.batch.id'] AS first_batch, Links.SpanId AS batches, toFloat64(Weight) AS weight_of_one,
            toInt32(floor((toUnixTimestamp64Nano(Timestamp) - {origin_ns:Int64}) / {bucket_ns:Int64})) AS bucket,
            toFloat64OrZero(SpanAttributes['rootspan.batch.service_ms']) AS service_ms,
            toFloat64OrZero(SpanAttributes['gen_ai.usage.input_tokens']) + toFloat64OrZero(SpanAttributes['gen_ai.usage.output_tokens']) AS tokens,
            if(tokens > 0, tokens, toFloat64OrZero(SpanAttributes['rootspan.batch.share_ms'])) AS size
        FROM rootspan_spans
        WHERE ServiceName IN {services:Array(String)} AND SpanName IN {operations:Array(String)} AND first_batch != ''
            AND Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
    ),
    usual AS
    (
        SELECT service, operation, if(countIf(bucket < 0) >= 20, quantileIf(0.5)(size, bucket < 0), quantile(0.5)(size)) AS median
        FROM tickets
        GROUP BY service, operation
    ),
    large AS
    (
        SELECT first_batch
        FROM tickets INNER JOIN usual USING (service, operation)
        WHERE size >= {large:Float64} * median AND median > 0
    ),
    mates AS
    (
        SELECT arrayJoin(arrayZip(Links.TraceId, Links.SpanId)) AS request
        FROM rootspan_spans
        WHERE ServiceName IN {services:Array(String)} AND SpanName IN arrayMap(name -> concat(name, ' batch'), {operations:Array(String)})
            AND Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
            AND SpanAttributes['rootspan.batch.id'] IN large
    )
SELECT
    service, operation, host, region, zone, version, gpu, model, stratum,
    groupArray(bucket) AS buckets, groupArray(n) AS n, groupArray(weight) AS weight, groupArray(total_ms) AS total_ms,
    groupArray(mated) AS mated, groupArray(mated_ms) AS mated_ms, groupArray(large_ones) AS large_ones
FROM
(
    SELECT
        service, operation, host, region, zone, version, gpu, model, stratum, bucket,
        toFloat64(countIf(NOT is_large)) AS n, sumIf(weight_of_one, NOT is_large) AS weight, sumIf(service_ms, NOT is_large) AS total_ms,
        toFloat64(countIf(is_mate)) AS mated, sumIf(service_ms, is_mate) AS mated_ms, toFloat64(countIf(is_large)) AS large_ones
    FROM
    (
        SELECT
            *, toString(toInt32(floor(log2(greatest(size, 1e-3))))) AS stratum, size >= {large:Float64} * median AND median > 0 AS is_large,
            NOT is_large
                AND ((trace, parent) IN mates OR arrayExists(one -> one IN large, batches)) AS is_mate
        FROM tickets INNER JOIN usual USING (service, operation)
    )
    GROUP BY service, operation, host, region, zone, version, gpu, model, stratum, bucket
)
GROUP BY service, operation, host, region, zone, version, gpu, model, stratum
