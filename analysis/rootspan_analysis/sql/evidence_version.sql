-- When each version of the service was first and last seen, and on how many hosts.
SELECT ServiceVersion, min(FirstSeen) AS first_seen, max(LastSeen) AS last_seen, uniqExact(HostName) AS hosts
FROM otel_instances
WHERE ServiceName = {service:String}
GROUP BY ServiceVersion
ORDER BY first_seen
