-- Training steps that failed or took far longer than the job's steps of the last day, or are part of an incident.
INSERT INTO rootspan_kept_steps (JobId, Step, Reasons, Window, InsertedAt)
WITH
    toDateTime({from:UInt32}) AS window_begin,
    toDateTime({to:UInt32}) AS window_end,
    arrived AS
    (
        SELECT * FROM otel_training_spans WHERE InsertedAt >= window_begin AND InsertedAt < window_end AND Step >= 0
    ),
    usual AS
    (
        SELECT JobId, quantile(0.5)(Duration) AS median_ns
        FROM otel_training_spans
        WHERE IsStep AND NOT Unfinished AND JobId IN (SELECT JobId FROM arrived)
            AND Timestamp >= window_begin - toIntervalDay(1) AND InsertedAt < window_end
        GROUP BY JobId
        HAVING count() >= 20
    ),
    failed AS
    (
        SELECT JobId, TraceId
        FROM otel_traces
        WHERE InsertedAt >= window_begin AND InsertedAt < window_end AND JobId != '' AND StatusCode = 'Error'
    )
SELECT JobId, Step, arraySort(groupUniqArray(reason)), window_begin, now()
FROM
(
    SELECT JobId, Step, 'slow' AS reason
    FROM arrived
    INNER JOIN usual ON arrived.JobId = usual.JobId
    WHERE IsStep AND Duration > {slow_factor:Float64} * median_ns
    UNION ALL
    SELECT JobId, Step, 'error' AS reason FROM arrived WHERE NonFinite != '' OR CollectiveState != ''
    UNION ALL
    SELECT JobId, toInt64OrDefault(SpanAttributes['training.step'], toInt64(-1)) AS Step, 'error' AS reason
    FROM otel_traces
    WHERE InsertedAt >= window_begin - toIntervalSecond({run_up_s:UInt32}) AND InsertedAt < window_end AND JobId != ''
        AND (JobId, TraceId) IN failed
    UNION ALL
    SELECT JobId, Step, 'incident' AS reason
    FROM arrived
    INNER JOIN
    (
        SELECT Job, Onset - toIntervalSecond({lead_s:UInt32}) AS since, if(Closed > Onset, Closed, toDateTime64(window_end, 9)) AS until
        FROM rootspan_incidents FINAL
        WHERE Job != '' AND Onset < window_end
    ) AS incidents ON arrived.JobId = incidents.Job
    WHERE Timestamp >= since AND Timestamp <= until
)
WHERE Step >= 0
GROUP BY JobId, Step
