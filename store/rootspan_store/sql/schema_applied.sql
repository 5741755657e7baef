SELECT Version, argMax(Name, AppliedAt), argMax(Checksum, AppliedAt)
FROM rootspan_schema
GROUP BY Version
ORDER BY Version
