-- Items that rules left out on the way into the tables, as the engine counted them.
SELECT Signal, Rule, sum(Items) AS Items
FROM rootspan_dropped
GROUP BY Signal, Rule
ORDER BY Signal, Rule
