-- How far one objective's breach reaches, and what it cost: by host, from the rollup. Whole minutes.
SELECT
    HostName AS host, Region AS region,
    sum(Spans) AS n,
    sum(WeightedSpans) AS weighted,
    sum(Errors) AS failed,
    sum(DurationSum) / 1e9 AS total_s,
    sumMap(DurationHistogram) AS histogram,
    arraySum((bin, count) -> if(bin >= {limit_bin:Int16}, count, 0), mapKeys(histogram), mapValues(histogram)) AS slow
FROM otel_spans_1m
WHERE Minute >= fromUnixTimestamp({from_s:Int64}) AND Minute < fromUnixTimestamp({to_s:Int64})
    AND ServiceName = {service:String} AND SpanName = {operation:String}
    AND SpanKind NOT IN ('Client', 'Producer')
GROUP BY host, region
