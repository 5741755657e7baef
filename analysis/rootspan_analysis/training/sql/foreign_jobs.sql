-- Training jobs that tell their ranks by other tools' names and have no job id; the service names them.
-- What SGLang writes (bare tp_rank, ...) does not make a job: its spans are requests.
SELECT '' AS job_id, [ServiceName] AS services, count() AS spans, countIf(Unfinished) AS unfinished
FROM rootspan_spans
WHERE ${in_window} AND JobId = '' AND ({job:String} IN ('', ServiceName))
    AND (hasAny(mapKeys(ResourceAttributes), ${foreign_keys}) OR hasAny(mapKeys(SpanAttributes), ${foreign_keys}))
GROUP BY ServiceName
ORDER BY spans DESC
LIMIT 16
