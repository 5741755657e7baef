-- Cells of components: who did what where, for which kind of request, by time bucket.
-- Self time is a span's duration without the union of its children's intervals and without its queue wait.
-- Size is the logarithm of a request's tokens, 0 where they are not told; with its products, for a slope.
-- An error begins at a span none of whose children failed. Client spans that have a counterpart are edges, not cells.
WITH
    chosen AS
    (
        SELECT
            cityHash64(TraceId, SpanId) AS id,
            if(ParentSpanId = '', 0, cityHash64(TraceId, ParentSpanId)) AS parent,
            Timestamp, SpanName, SpanKind, ServiceName, HostName, Region, Zone, ServiceVersion, Gpu,
            StatusCode = 'Error' AS failed, Duration, Weight,
            SpanAttributes['gen_ai.request.model'] AS model,
            SpanAttributes['peer.service'] AS peer,
            log1p(toFloat64OrZero(SpanAttributes['gen_ai.usage.input_tokens'])
                + toFloat64OrZero(SpanAttributes['gen_ai.usage.output_tokens'])) AS amount,
            toFloat64OrZero(SpanAttributes['rootspan.queue.wait_ms']) * 1e3
                + toFloat64OrZero(SpanAttributes['gen_ai.latency.time_in_queue']) * 1e6 AS wait_us
        FROM rootspan_spans
        WHERE Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
            AND ({modulus:UInt32} = 1 OR cityHash64(TraceId) % {modulus:UInt32} = 0)
            AND ({job:String} = '' OR JobId = {job:String})
            ${only_service}
    ),
    below AS
    (
        SELECT
            if(ParentSpanId = '', 0, cityHash64(TraceId, ParentSpanId)) AS parent,
            intervalLengthSum(
                toUnixTimestamp64Nano(Timestamp), toUnixTimestamp64Nano(Timestamp) + toInt64(Duration)) AS busy_ns,
            countIf(StatusCode = 'Error') AS failed_children,
            count() AS children,
            any(cityHash64(ServiceName)) AS child_service
        FROM rootspan_spans
        WHERE ParentSpanId != ''
            AND Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
            AND ({modulus:UInt32} = 1 OR cityHash64(TraceId) % {modulus:UInt32} = 0)
        GROUP BY parent
    ),
    spans AS
    (
        SELECT
            ServiceName AS service, SpanName AS operation, SpanKind AS kind, HostName AS host, Region AS region, Zone AS zone,
            ServiceVersion AS version, Gpu AS gpu, model, amount,
            toInt32(floor((toUnixTimestamp64Nano(Timestamp) - {origin_ns:Int64}) / {bucket_ns:Int64})) AS bucket,
            greatest(0., (toInt64(Duration) - toInt64(below.busy_ns)) / 1e3 - wait_us) AS self_us,
            wait_us, failed AND below.failed_children = 0 AS origin, below.children AS children, Weight
        FROM chosen
        LEFT JOIN below ON chosen.id = below.parent
        WHERE NOT (SpanKind IN ('Client', 'Producer') AND (children > 0 AND child_service != cityHash64(ServiceName)
            OR peer != '' AND children = 0))
    )
SELECT
    service, operation, host, region, zone, version, gpu, model,
    groupArray(bucket) AS buckets, groupArray(n) AS n, groupArray(weight) AS weight, groupArray(log_sum) AS log_sum,
    groupArray(self_ms) AS self_ms, groupArray(wait_ms) AS wait_ms, groupArray(errors) AS errors,
    groupArray(children) AS children, groupArray(size) AS size, groupArray(size_log) AS size_log, groupArray(size_sq) AS size_sq
FROM
(
    SELECT
        service, operation, host, region, zone, version, gpu, model, bucket,
        toFloat64(count()) AS n, sum(toFloat64(Weight)) AS weight, sum(log(self_us + 10)) AS log_sum,
        sum(self_us) / 1e3 AS self_ms, sum(wait_us) / 1e3 AS wait_ms, toFloat64(countIf(origin)) AS errors,
        toFloat64(sum(children)) AS children,
        sum(amount) AS size, sum(amount * log(self_us + 10)) AS size_log, sum(amount * amount) AS size_sq
    FROM spans
    GROUP BY service, operation, host, region, zone, version, gpu, model, bucket
)
GROUP BY service, operation, host, region, zone, version, gpu, model
