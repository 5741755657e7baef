-- Steps of training jobs, as all ranks send them, by the bucket in which they ended.
SELECT
    job, bucket,
    sum(n) AS requests, toUInt64(0) AS errors, sum(d) / 1e9 AS total_s,
    groupArray(bin) AS bins, groupArray(n) AS counts
FROM
(
    WITH toUnixTimestamp(Timestamp) + toInt64(Duration / 1e9) AS ended_s
    SELECT
        JobId AS job,
        intDiv(ended_s, {step_s:UInt32}) * {step_s:UInt32} AS bucket,
        toInt16(floor(log2(greatest(Duration, 1)) * 8)) AS bin,
        count() AS n,
        sum(Duration) AS d
    FROM otel_training_spans
    WHERE IsStep AND NOT Unfinished
        AND Timestamp >= fromUnixTimestamp({from_s:Int64} - 600) AND Timestamp < fromUnixTimestamp({to_s:Int64})
        AND ended_s >= {from_s:Int64} AND ended_s < {to_s:Int64}
    GROUP BY job, bucket, bin
)
GROUP BY job, bucket
