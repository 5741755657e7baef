-- What came of a window. Kept rows are counted where they are, so that a repetition counts them once.
INSERT INTO rootspan_retention
    (Window, End, Done, Holder, Blocks, Spans, Logs, KeptTraces, KeptSpans, KeptLogs, Reasons, TookMs)
WITH
    toDateTime({from:UInt32}) AS window_begin,
    toDateTime({to:UInt32}) AS window_end
SELECT
    window_begin, window_end, true, {holder:String}, {blocks:UInt16},
    (SELECT count() FROM otel_traces WHERE InsertedAt >= window_begin AND InsertedAt < window_end),
    (SELECT count() FROM otel_logs WHERE InsertedAt >= window_begin AND InsertedAt < window_end),
    (SELECT count() FROM rootspan_kept WHERE Window = window_begin),
    (SELECT count() FROM otel_traces_kept WHERE InsertedAt >= window_begin AND InsertedAt < window_end),
    (SELECT count() FROM otel_logs_kept WHERE InsertedAt >= window_begin AND InsertedAt < window_end),
    (
        SELECT CAST((groupArray(reason), groupArray(n)), 'Map(LowCardinality(String), UInt64)')
        FROM (SELECT arrayJoin(Reasons) AS reason, count() AS n FROM rootspan_kept WHERE Window = window_begin GROUP BY reason)
    ),
    {took_ms:UInt64}
