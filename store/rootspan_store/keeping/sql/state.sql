-- How far the keeper is, and what it kept of what arrived in the last seven days.
SELECT
    toUnixTimestamp(maxOrDefault(End)) AS Position,
    sumIf(Spans, Window >= now() - toIntervalDay(7)) AS Spans,
    sumIf(KeptSpans, Window >= now() - toIntervalDay(7)) AS KeptSpans,
    sumIf(KeptTraces, Window >= now() - toIntervalDay(7)) AS KeptTraces,
    sumMapIf(Reasons, Window >= now() - toIntervalDay(7)) AS Reasons,
    sumIf(TookMs, Window >= now() - toIntervalDay(7)) AS TookMs,
    count() AS Windows
FROM rootspan_retention FINAL
WHERE Done
