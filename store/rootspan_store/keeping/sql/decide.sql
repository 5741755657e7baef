-- Traces one of whose spans that arrived in the window matters, and why. A trace may be here again in a later window.
INSERT INTO rootspan_kept (TraceId, Reasons, Window, InsertedAt)
WITH
    toDateTime({from:UInt32}) AS window_begin,
    toDateTime({to:UInt32}) AS window_end,
    history AS
    (
        SELECT * FROM rootspan_operations_1d WHERE Day >= toDate(window_begin) - 7 AND Day <= toDate(window_begin)
    ),
    -- Of each operation: the upper end of the bucket that holds its 99th percentile. Too few spans say nothing.
    usual AS
    (
        SELECT ServiceName, SpanName, SpanKind, pow(2, (bucket + 1) / 8) AS p99_ns
        FROM
        (
            SELECT
                ServiceName, SpanName, SpanKind, sum(Spans) AS seen,
                arraySort(CAST(sumMap(DurationHistogram), 'Array(Tuple(Int16, UInt64))')) AS buckets,
                arrayCumSum(pair -> pair.2, buckets) AS up_to,
                buckets[arrayFirstIndex(n -> n >= 0.99 * seen, up_to)].1 AS bucket
            FROM history
            GROUP BY ServiceName, SpanName, SpanKind
            HAVING seen >= 200
        )
    )
SELECT TraceId, arraySort(groupUniqArray(reason)), window_begin, now()
FROM
(
    SELECT TraceId, 'error' AS reason
    FROM otel_traces
    WHERE InsertedAt >= window_begin AND InsertedAt < window_end AND StatusCode = 'Error'
    UNION ALL
    SELECT TraceId, 'slow' AS reason
    FROM otel_traces AS arrived
    INNER JOIN usual ON arrived.ServiceName = usual.ServiceName AND arrived.SpanName = usual.SpanName
        AND arrived.SpanKind = usual.SpanKind
    WHERE InsertedAt >= window_begin AND InsertedAt < window_end AND (ParentSpanId = '' OR SpanKind IN ('Server', 'Consumer'))
        AND Duration > {slow_factor:Float64} * p99_ns
    UNION ALL
    -- Names without end (an id in each) say nothing by being new: hence the limits for a service.
    SELECT TraceId, 'rare' AS reason
    FROM
    (
        SELECT DISTINCT ServiceName, SpanName, TraceId
        FROM otel_traces
        WHERE InsertedAt >= window_begin AND InsertedAt < window_end AND {rare_traces:UInt32} > 0
            AND (ServiceName, SpanName) NOT IN
            (
                SELECT ServiceName, SpanName FROM history GROUP BY ServiceName, SpanName HAVING sum(Spans) >= {rare_traces:UInt32}
            )
            AND ServiceName NOT IN (SELECT ServiceName FROM history GROUP BY ServiceName HAVING uniqExact(SpanName) > 1000)
        ORDER BY sipHash64(TraceId, 'rootspan.kept')
        LIMIT {rare_traces:UInt32} BY ServiceName, SpanName
    )
    LIMIT 1000 BY ServiceName
    UNION ALL
    SELECT TraceId, 'rare' AS reason
    FROM
    (
        SELECT DISTINCT ServiceName, ServiceVersion, TraceId
        FROM otel_traces
        WHERE InsertedAt >= window_begin AND InsertedAt < window_end AND {rare_traces:UInt32} > 0 AND ServiceVersion != ''
            AND (ServiceName, ServiceVersion) NOT IN
            (
                SELECT ServiceName, ServiceVersion FROM history
                GROUP BY ServiceName, ServiceVersion HAVING sum(Spans) >= {rare_traces:UInt32}
            )
        ORDER BY sipHash64(TraceId, 'rootspan.kept')
        LIMIT {rare_traces:UInt32} BY ServiceName, ServiceVersion
    )
    UNION ALL
    SELECT TraceId, 'incident' AS reason
    FROM otel_traces AS arrived
    INNER JOIN
    (
        SELECT
            arrayJoin(arrayDistinct(arrayPushBack(Services, Service))) AS service,
            Onset - toIntervalSecond({lead_s:UInt32}) AS since,
            if(Closed > Onset, Closed, toDateTime64(window_end, 9)) AS until
        FROM rootspan_incidents FINAL
        WHERE Onset - toIntervalSecond({lead_s:UInt32}) < window_end
    ) AS incidents ON arrived.ServiceName = incidents.service
    WHERE InsertedAt >= window_begin AND InsertedAt < window_end AND service != ''
        AND Timestamp <= until AND Timestamp + toIntervalNanosecond(Duration) >= since
    UNION ALL
    -- The traces of all ranks of a kept step, of those too that came shortly before.
    SELECT TraceId, 'step' AS reason
    FROM otel_traces
    WHERE InsertedAt >= window_begin - toIntervalSecond({run_up_s:UInt32}) AND InsertedAt < window_end AND JobId != ''
        AND (JobId, toInt64OrDefault(SpanAttributes['training.step'], toInt64(-1))) IN
        (
            SELECT JobId, Step FROM rootspan_kept_steps
            WHERE Window <= window_begin AND Window > window_begin - toIntervalSecond({late_s:UInt32})
        )
    UNION ALL
    SELECT TraceId, 'ordinary' AS reason
    FROM otel_traces
    WHERE InsertedAt >= window_begin AND InsertedAt < window_end AND {one_in:UInt32} > 0
        AND sipHash64(TraceId, 'rootspan.kept') % greatest({one_in:UInt32}, 1) = 0
)
WHERE TraceId != ''
GROUP BY TraceId
