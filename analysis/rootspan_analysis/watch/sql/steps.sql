-- Steps of training jobs, as all ranks send them: root spans of a job, by the bucket in which they ended.
SELECT
    job, bucket,
    sum(n) AS requests, sum(e) AS errors, sum(d) / 1e9 AS total_s,
    groupArray(bin) AS bins, groupArray(n) AS counts
FROM
(
    SELECT
        JobId AS job,
        intDiv(toUnixTimestamp(Timestamp) + toInt64(Duration / 1e9), {step_s:UInt32}) * {step_s:UInt32} AS bucket,
        toInt16(floor(log2(greatest(Duration, 1)) * 8)) AS bin,
        count() AS n,
        countIf(StatusCode = 'Error') AS e,
        sum(Duration) AS d
    FROM otel_traces
    WHERE JobId != '' AND ParentSpanId = '' AND NOT Unfinished
        AND Timestamp >= fromUnixTimestamp({from_s:Int64} - 600) AND Timestamp < fromUnixTimestamp({to_s:Int64})
        AND toUnixTimestamp(Timestamp) + toInt64(Duration / 1e9) >= {from_s:Int64}
        AND toUnixTimestamp(Timestamp) + toInt64(Duration / 1e9) < {to_s:Int64}
    GROUP BY job, bucket, bin
)
GROUP BY job, bucket
