-- The traces that this window made kept.
SELECT TraceId FROM rootspan_kept
WHERE Window <= window_begin AND TraceId IN (SELECT TraceId FROM rootspan_kept WHERE Window = window_begin)
GROUP BY TraceId
HAVING min(Window) = window_begin
