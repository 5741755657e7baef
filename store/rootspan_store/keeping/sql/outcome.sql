SELECT Spans, KeptSpans, KeptTraces, Logs, KeptLogs
FROM rootspan_retention
WHERE Window = toDateTime({from:UInt32}) AND Done
ORDER BY Updated
LIMIT 1
