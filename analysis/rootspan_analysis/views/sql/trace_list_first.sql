-- As trace_list.sql, but of the spans that match only the first {rows} in the list's order are looked at; `seen` says how many
-- there were of them. Sorting that few is cheap; with `seen` the answer tells whether more might be in the list.
SELECT *, count() OVER () AS seen
FROM
(
    ${matching_spans}
    ORDER BY place DESC, trace_id
    LIMIT {rows:UInt64}
)
ORDER BY place DESC, trace_id
LIMIT 1 BY trace_id
LIMIT {limit:UInt32}
