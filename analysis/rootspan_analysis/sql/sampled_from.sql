-- Whether the sample holds spans in the minute from a moment on: what was stored before there was a sample is not in it.
SELECT count() AS spans
FROM otel_spans_sampled
WHERE Timestamp >= fromUnixTimestamp({from_s:Int64}) AND Timestamp < fromUnixTimestamp({from_s:Int64} + 61)
