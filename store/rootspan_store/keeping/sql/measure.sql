-- How many traces may have come in part before the run-up, and when the first span of theirs that is known began.
WITH
    toDateTime({from:UInt32}) AS window_begin,
    toDateTime({to:UInt32}) AS window_end,
    window_begin - toIntervalSecond({run_up_s:UInt32}) AS run_up
SELECT uniqExact(TraceId) AS Suspects, toUnixTimestamp(minOrDefault(Timestamp)) AS Earliest
FROM otel_traces
WHERE InsertedAt >= run_up AND InsertedAt < window_end AND TraceId IN (${suspects})
