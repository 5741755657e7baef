-- What each collector last said of each signal, in items since its log folder was made.
SELECT
    CollectorId,
    Signal,
    Accepted,
    Stored,
    Pending,
    Quarantined,
    Refused,
    Version,
    toUnixTimestamp64Milli(Time) AS ReportedUnixMs
FROM rootspan_collectors FINAL
ORDER BY CollectorId, Signal
