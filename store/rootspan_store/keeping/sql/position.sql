-- The newest window: its bounds, whether it is done, whose it is and since when.
SELECT
    toUnixTimestamp(Window) AS Begin,
    toUnixTimestamp(argMax(End, Updated)) AS Finish,
    max(Done) AS IsDone,
    argMinIf(Holder, Updated, NOT Done) AS PlannedBy,
    toUnixTimestamp(now()) - toUnixTimestamp(min(Updated)) AS AgeSeconds,
    argMinIf(Blocks, Updated, NOT Done) AS PlannedBlocks
FROM rootspan_retention
GROUP BY Window
ORDER BY Window DESC
LIMIT 1
