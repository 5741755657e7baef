-- Log records without a trace, of an incident's time: those of its services, warnings and worse, and events.
INSERT INTO otel_logs_kept
WITH
    toDateTime({from:UInt32}) AS window_begin,
    toDateTime({to:UInt32}) AS window_end
SELECT * FROM otel_logs
WHERE InsertedAt >= window_begin AND InsertedAt < window_end AND TraceId = '' AND arrayExists(
    incident -> Timestamp >= incident.1 AND Timestamp <= incident.2
        AND (EventName != '' OR Severity IN ('WARN', 'ERROR', 'FATAL') OR has(incident.3, ServiceName)),
    (
        SELECT groupArray((
            Onset - toIntervalSecond({lead_s:UInt32}),
            if(Closed > Onset, Closed, toDateTime64(window_end, 9)),
            arrayPushBack(Services, toString(Service))))
        FROM rootspan_incidents FINAL
        WHERE Onset - toIntervalSecond({lead_s:UInt32}) < window_end AND (Closed < Onset OR Closed >= window_begin - toIntervalDay(1))
    ))
