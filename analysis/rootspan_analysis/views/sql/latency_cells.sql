-- How many spans that match began in each bucket of time with a duration in each bucket of a logarithmic scale:
-- bucket b holds [2^(b/4), 2^((b+1)/4)) ns.
SELECT
    toInt64(intDiv(toUnixTimestamp64Nano(Timestamp), {step_ns:Int64}) * {step_ns:Int64}) AS at_ns,
    toInt16(floor(log2(greatest(Duration, 1)) * 4)) AS bucket,
    count() AS spans,
    countIf(StatusCode = 'Error') AS failed
FROM rootspan_spans
WHERE ${span_search}
GROUP BY at_ns, bucket
ORDER BY at_ns, bucket
