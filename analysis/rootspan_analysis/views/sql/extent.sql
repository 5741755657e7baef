-- When the stored spans begin and end. A sender whose clock runs ahead does not move the end past now.
SELECT
    toUnixTimestamp64Nano(min(FirstSeen)) AS first_ns,
    toUnixTimestamp64Nano(least(max(LastSeen), now64(9))) AS last_ns,
    count() AS instances
FROM otel_instances
