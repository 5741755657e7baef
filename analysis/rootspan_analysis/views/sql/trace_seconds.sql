-- In which seconds spans of each trace begin, first and last.
SELECT toUnixTimestamp(min(Start)) AS first_s, toUnixTimestamp(max(End)) AS last_s
FROM rootspan_trace_times
WHERE TraceId IN {trace_ids:Array(String)}
GROUP BY TraceId
