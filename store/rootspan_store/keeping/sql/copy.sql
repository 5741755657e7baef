-- Rows of kept traces that arrived in the window, and of those that the window made kept also what came shortly before.
INSERT INTO ${table}_kept
WITH
    toDateTime({from:UInt32}) AS window_begin,
    toDateTime({to:UInt32}) AS window_end,
    window_begin - toIntervalSecond({run_up_s:UInt32}) AS run_up
SELECT ${columns}
FROM ${table}
PREWHERE InsertedAt >= run_up AND InsertedAt < window_end AND TraceId != ''
    AND (InsertedAt >= window_begin AND TraceId IN
        (
            SELECT TraceId FROM rootspan_kept
            WHERE Window <= window_begin AND Window > window_begin - toIntervalSecond({late_s:UInt32})
        )
        OR TraceId IN (${new_traces}))
    AND cityHash64(TraceId, 'block') % {blocks:UInt16} = {block:UInt16}
