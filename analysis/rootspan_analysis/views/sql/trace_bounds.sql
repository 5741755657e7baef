-- Where in time a trace lies. No row has spans when the trace is unknown.
SELECT
    toUnixTimestamp64Nano(min(Start)) AS first_ns,
    toUnixTimestamp64Nano(max(End)) AS last_ns,
    count() AS parts
FROM rootspan_trace_times
WHERE TraceId = {trace_id:String}
