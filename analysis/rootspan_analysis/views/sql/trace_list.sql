-- Traces of a range, one row each: by their root span, or by a span that matches what is asked of it.
SELECT *
FROM
(
    ${matching_spans}
)
ORDER BY place DESC, trace_id
LIMIT 1 BY trace_id
LIMIT {limit:UInt32}
