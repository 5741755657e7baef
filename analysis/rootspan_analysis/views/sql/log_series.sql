-- Log records by severity and bucket of time.
SELECT
    Severity AS severity,
    toInt64(intDiv(toUnixTimestamp(Timestamp), {step_s:UInt32}) * {step_s:UInt32}) AS at_s,
    count() AS records
FROM rootspan_logs
WHERE ${log_search}
GROUP BY severity, at_s
ORDER BY severity, at_s
