-- Training jobs that sent spans in the window, by their job id.
SELECT JobId AS job_id, groupUniqArray(ServiceName) AS services, count() AS spans
FROM rootspan_training_spans
WHERE ${in_window} AND ({job:String} = '' OR JobId = {job:String} OR ServiceName = {job:String})
GROUP BY job_id
ORDER BY spans DESC
LIMIT 16
