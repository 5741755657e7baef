-- When the attempts of a job ran, as its steps tell: from the first step's begin to the last one's.
SELECT toUInt32OrZero(ResourceAttributes['training.run.attempt']) AS attempt,
    toUnixTimestamp64Nano(min(Timestamp)) AS first_ns, toUnixTimestamp64Nano(max(Timestamp)) AS last_ns
FROM rootspan_spans
WHERE ${in_window} AND ServiceName IN {services:Array(String)} AND JobId = {job_id:String} AND SpanName = 'train.step'
GROUP BY attempt
ORDER BY first_ns
