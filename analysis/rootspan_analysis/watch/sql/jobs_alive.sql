-- Jobs that still say something by logs or gauges: one that hangs does, one that has ended does not.
SELECT job FROM
(
    SELECT ResourceAttributes['training.job.id'] AS job
    FROM otel_logs
    WHERE Timestamp >= fromUnixTimestamp({from_s:Int64}) AND Timestamp < fromUnixTimestamp({to_s:Int64})
        AND ResourceAttributes['training.job.id'] IN {jobs:Array(String)}
    GROUP BY job
    UNION ALL
    SELECT ResourceAttributes['training.job.id'] AS job
    FROM otel_metrics_gauge
    WHERE TimeUnix >= fromUnixTimestamp({from_s:Int64}) AND TimeUnix < fromUnixTimestamp({to_s:Int64})
        AND ResourceAttributes['training.job.id'] IN {jobs:Array(String)}
    GROUP BY job
)
GROUP BY job
