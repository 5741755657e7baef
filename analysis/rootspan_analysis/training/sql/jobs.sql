-- Training jobs that sent spans in the window: an own job id, or the names that other tools use.
-- What SGLang writes (bare tp_rank, ...) does not make a job: its spans are requests.
SELECT
    JobId AS job_id,
    groupUniqArray(ServiceName) AS services,
    count() AS spans,
    countIf(Unfinished) AS unfinished
FROM otel_traces
WHERE ${in_window}
    AND ({job:String} = '' OR JobId = {job:String} OR ServiceName = {job:String})
    AND (JobId != '' OR hasAny(mapKeys(ResourceAttributes), ${foreign_keys}) OR hasAny(mapKeys(SpanAttributes), ${foreign_keys}))
GROUP BY job_id, if(job_id = '', ServiceName, '')
ORDER BY spans DESC
LIMIT 16
