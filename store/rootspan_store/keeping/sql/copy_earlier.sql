-- Rows that arrived before the run-up, of traces that the window made kept.
INSERT INTO ${table}_kept
WITH
    toDateTime({from:UInt32}) AS window_begin,
    toDateTime({to:UInt32}) AS window_end,
    window_begin - toIntervalSecond({run_up_s:UInt32}) AS run_up
SELECT ${columns}
FROM ${table}
PREWHERE InsertedAt < run_up AND Timestamp >= toDateTime({earliest:UInt32}) AND TraceId IN
    (
        SELECT TraceId FROM otel_traces_trace_id_ts
        WHERE Start >= toDateTime({earliest:UInt32}) AND InsertedAt < run_up AND TraceId IN (${suspects})
    )
