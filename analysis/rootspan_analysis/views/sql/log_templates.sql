-- Log records by template: the body without numbers, ids and quoted parts, as the engine cuts it. With the course of each.
SELECT
    template, service, severity,
    sum(written) AS records,
    any(example) AS example,
    toUnixTimestamp64Nano(min(first_at)) AS first_ns,
    toUnixTimestamp64Nano(max(last_at)) AS last_ns,
    max(hosts) AS hosts,
    groupArray(at_s) AS course_at_s,
    groupArray(written) AS course
FROM
(
    SELECT
        ${log_template} AS template,
        ServiceName AS service,
        Severity AS severity,
        toInt64(intDiv(toUnixTimestamp(Timestamp), {step_s:UInt32}) * {step_s:UInt32}) AS at_s,
        count() AS written,
        substring(any(Body), 1, 400) AS example,
        min(Timestamp) AS first_at,
        max(Timestamp) AS last_at,
        uniqExact(HostName) AS hosts
    FROM rootspan_logs
    WHERE ${log_search}
    GROUP BY template, service, severity, at_s
    ORDER BY at_s
)
GROUP BY template, service, severity
ORDER BY records DESC, template, service
LIMIT {limit:UInt32}
