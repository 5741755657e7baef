-- Changes of the fleet as events of their own: those that people and pipelines tell, and those that telemetry shows.

-- `Scope` names what was changed by attributes (semantic-convention names); a retried event has the same Id.
CREATE TABLE IF NOT EXISTS rootspan_changes
(
    Id String,
    Time DateTime64(9),
    Kind LowCardinality(String),
    Service LowCardinality(String),
    Scope Map(LowCardinality(String), String),
    Text String,
    Previous String,
    Author String,
    Source LowCardinality(String),
    Written DateTime64(9) DEFAULT now64(9)
)
ENGINE = ReplacingMergeTree(Written)
ORDER BY Id
SETTINGS non_replicated_deduplication_window = 10000;

-- `rootspan change` sends a log record with this event name, as can anything that speaks OTLP.
CREATE MATERIALIZED VIEW IF NOT EXISTS rootspan_changes_mv TO rootspan_changes AS
SELECT
    lower(hex(sipHash128(toUnixTimestamp64Nano(Timestamp), Body, toString(LogAttributes)))) AS Id,
    Timestamp AS Time,
    if(LogAttributes['change.kind'] = '', 'other', LogAttributes['change.kind']) AS Kind,
    LogAttributes['service.name'] AS Service,
    mapFilter((k, v) -> NOT startsWith(k, 'change.') AND v != '', LogAttributes) AS Scope,
    Body AS Text,
    LogAttributes['change.previous'] AS Previous,
    LogAttributes['change.author'] AS Author,
    if(LogAttributes['change.source'] = '', 'otlp', LogAttributes['change.source']) AS Source,
    now64(9) AS Written
FROM otel_logs
WHERE EventName = 'rootspan.change';

-- What a host said of itself: driver, kernel, switch, ... and when that was first seen.
CREATE TABLE IF NOT EXISTS rootspan_host_facts
(
    Host LowCardinality(String),
    Name LowCardinality(String),
    Value String,
    FirstSeen SimpleAggregateFunction(min, DateTime64(9)),
    LastSeen SimpleAggregateFunction(max, DateTime64(9))
)
ENGINE = AggregatingMergeTree
ORDER BY (Host, Name, Value);
