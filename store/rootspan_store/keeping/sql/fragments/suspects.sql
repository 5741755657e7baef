-- Those of them that may have come in part before the run-up: they began before it, or no root of theirs is known.
SELECT TraceId FROM otel_traces
WHERE InsertedAt >= run_up AND InsertedAt < window_end AND TraceId IN (${new_traces})
GROUP BY TraceId
HAVING min(Timestamp) < run_up OR countIf(ParentSpanId = '') = 0
