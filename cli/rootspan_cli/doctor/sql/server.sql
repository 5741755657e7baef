-- Who answers, and what time it has.
SELECT version() AS Version, toUnixTimestamp64Milli(now64(3)) AS NowUnixMs
