-- Training jobs that tell their ranks by other tools' names and have no job id; the service names them.
-- What SGLang writes (bare tp_rank, ...) does not make a job: its spans are requests.
-- Maps of attributes are read of the last two minutes in which each operation was seen: every span of a window would be
-- seconds of a large fleet's store. The spans counted are the service's, of whole minutes.
WITH
    telling AS
    (
        SELECT DISTINCT ServiceName
        FROM rootspan_spans
        WHERE ${in_window} AND JobId = '' AND ({job:String} IN ('', ServiceName))
            AND toDateTime(Timestamp) IN
            (
                SELECT arrayJoin(arrayMap(s -> seen + s, range(60)))
                FROM
                (
                    SELECT ServiceName, SpanName, Minute AS seen
                    FROM otel_spans_1m
                    WHERE ${in_minutes}
                    GROUP BY ServiceName, SpanName, seen
                    ORDER BY seen DESC
                    LIMIT 2 BY ServiceName, SpanName
                )
            )
            AND (hasAny(mapKeys(ResourceAttributes), ${foreign_keys}) OR hasAny(mapKeys(SpanAttributes), ${foreign_keys}))
    )
SELECT '' AS job_id, [ServiceName] AS services, sum(Spans) AS spans
FROM otel_spans_1m
WHERE ${in_minutes} AND ServiceName IN (SELECT ServiceName FROM telling)
GROUP BY ServiceName
ORDER BY spans DESC
LIMIT 16
