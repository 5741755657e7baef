-- Items that the engine itself counted as they were stored.
SELECT Signal, sum(Items) AS Items
FROM rootspan_stored
GROUP BY Signal
ORDER BY Signal
