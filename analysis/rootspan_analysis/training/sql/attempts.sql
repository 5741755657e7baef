-- When the attempts of a job ran, as its steps tell: from the first step's begin to the last one's. All processes of an attempt end
-- before those of the next one make a step; the number that they tell is their node's own count, which differs between nodes.
SELECT toUInt32(max(told)) AS attempt, min(first_ns) AS first_ns, max(last_ns) AS last_ns, min(first_step) AS first_step
FROM
(
    SELECT told, first_ns, last_ns, first_step, sum(begins) OVER (ORDER BY first_ns ROWS UNBOUNDED PRECEDING) AS round
    FROM
    (
        SELECT told, first_ns, last_ns, first_step,
            first_ns > max(last_ns) OVER (ORDER BY first_ns ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS begins
        FROM
        (
            SELECT toUInt32OrZero(ResourceAttributes['training.run.attempt']) AS told,
                toUnixTimestamp64Nano(min(Timestamp)) AS first_ns, toUnixTimestamp64Nano(max(Timestamp)) AS last_ns,
                min(toInt64OrZero(SpanAttributes['training.step'])) AS first_step
            FROM rootspan_spans
            WHERE ${in_window} AND ServiceName IN {services:Array(String)} AND JobId = {job_id:String} AND SpanName = 'train.step'
            GROUP BY told, ResourceAttributes['service.instance.id'], ResourceAttributes['training.rank']
        )
    )
)
GROUP BY round
ORDER BY first_ns
