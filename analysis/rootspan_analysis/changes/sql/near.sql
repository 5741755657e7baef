-- Changes in a span of time: those that were told or found, and versions that began then beside an older one.
SELECT id, toUnixTimestamp64Nano(time) AS time_ns, kind, scope_names, scope_values, text, previous, author, source
FROM
(
    SELECT
        Id AS id, Time AS time, Kind AS kind, mapKeys(Scope) AS scope_names, mapValues(Scope) AS scope_values,
        Text AS text, Previous AS previous, Author AS author, Source AS source
    FROM rootspan_changes FINAL
    WHERE Time >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Time < fromUnixTimestamp64Nano({to_ns:Int64})
    UNION ALL
    SELECT
        concat('version-', lower(hex(sipHash64(service, version)))) AS id,
        first AS time,
        'deploy' AS kind,
        ['service.name', 'service.version'] AS scope_names,
        [toString(service), toString(version)] AS scope_values,
        '' AS text,
        earlier AS previous,
        '' AS author,
        'telemetry' AS source
    FROM
    (
        SELECT
            service, version, first,
            lagInFrame(toString(version), 1, '') OVER (PARTITION BY service ORDER BY first, version) AS earlier
        FROM
        (
            SELECT ServiceName AS service, ServiceVersion AS version, min(FirstSeen) AS first
            FROM otel_instances
            WHERE ServiceVersion != ''
            GROUP BY service, version
        )
    )
    WHERE earlier != '' AND first >= fromUnixTimestamp64Nano({from_ns:Int64})
        AND first < fromUnixTimestamp64Nano({to_ns:Int64})
)
ORDER BY time_ns DESC, id
LIMIT {limit:UInt32}
