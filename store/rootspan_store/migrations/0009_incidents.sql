-- What the watcher found: one row an incident in its latest state, who is watching, and what was already told to whom.
-- Rows are written whole; the newest `Updated` wins. They are few and outlive the telemetry they are about.

CREATE TABLE IF NOT EXISTS rootspan_incidents
(
    Id String,
    -- When the breach began; when the watcher was sure; the last write; 1970 while it is open.
    Onset DateTime64(9),
    Opened DateTime64(9),
    Updated DateTime64(9),
    Closed DateTime64(9),
    State LowCardinality(String),
    Severity LowCardinality(String),
    -- The worst breached objective; `Symptoms` has all of them as JSON.
    Kind LowCardinality(String),
    Service LowCardinality(String),
    Operation String,
    Job String,
    Title String CODEC(ZSTD(3)),
    Observed Float64,
    Expected Float64,
    Unit LowCardinality(String),
    Symptoms String CODEC(ZSTD(3)),
    Verdict LowCardinality(String),
    -- JSON arrays and objects of `rootspan why --json`.
    Causes String CODEC(ZSTD(3)),
    Explanation String CODEC(ZSTD(3)),
    Requests UInt64,
    BadRequests UInt64,
    Errors UInt64,
    ExcessSeconds Float64,
    GpuHours Float64,
    Services Array(String),
    Hosts UInt32,
    Regions Array(String),
    EngineVersion LowCardinality(String)
)
ENGINE = ReplacingMergeTree(Updated)
ORDER BY Id;

-- Each watcher says here that it lives; of those that do, the one that began first acts.
CREATE TABLE IF NOT EXISTS rootspan_watchers
(
    Name LowCardinality(String),
    Holder String,
    Since DateTime64(9),
    Seen DateTime64(9)
)
ENGINE = ReplacingMergeTree(Seen)
ORDER BY (Name, Holder);

-- The last thing that a receiver was told of an incident, so that a watcher that starts again doesn't repeat it.
CREATE TABLE IF NOT EXISTS rootspan_notices
(
    IncidentId String,
    Target String,
    Event LowCardinality(String),
    Fingerprint String,
    Sent DateTime64(9)
)
ENGINE = ReplacingMergeTree(Sent)
ORDER BY (IncidentId, Target);
