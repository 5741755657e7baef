-- The latest value of each fact of each host.
SELECT Host AS host, Name AS name, argMax(Value, LastSeen) AS value
FROM rootspan_host_facts
GROUP BY host, name
