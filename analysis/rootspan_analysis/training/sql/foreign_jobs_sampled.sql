-- As foreign_jobs.sql, from one trace in eight: for windows of many spans, whose attributes take long to look through.
SELECT '' AS job_id, [ServiceName] AS services, count() * 8 AS spans
FROM otel_spans_sampled
WHERE ${in_window} AND TellsRank AND ({job:String} IN ('', ServiceName))
GROUP BY ServiceName
ORDER BY spans DESC
LIMIT 16
