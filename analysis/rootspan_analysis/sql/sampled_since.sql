-- From when on the sample holds spans, at or after a moment: spans that were stored before there was a sample are not in it.
SELECT toInt64(toUnixTimestamp(min(Timestamp))) AS since_s, count() AS spans
FROM
(
    SELECT Timestamp FROM otel_spans_sampled
    WHERE Timestamp >= fromUnixTimestamp({from_s:Int64}) AND Timestamp < fromUnixTimestamp({to_s:Int64})
    ORDER BY toDateTime(Timestamp)
    LIMIT 1
)
