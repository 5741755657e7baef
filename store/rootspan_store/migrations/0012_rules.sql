-- What rules leave out on the way into the tables, and which rules each landing view is under.

-- Items by the rule that left them out and the minute in which it did. A view that counts is there while a rule leaves items out.
CREATE TABLE IF NOT EXISTS rootspan_dropped
(
    Signal LowCardinality(String),
    Rule LowCardinality(String),
    Minute DateTime CODEC(Delta, ZSTD(1)),
    Items UInt64 CODEC(ZSTD(1))
)
ENGINE = SummingMergeTree(Items)
ORDER BY (Signal, Rule, Minute)
SETTINGS non_replicated_deduplication_window = 10000;

-- The newest row of a view counts. The digest is of the view's text; the key of rules that hash is in no table.
CREATE TABLE IF NOT EXISTS rootspan_rules
(
    View String,
    Digest String,
    Rules Array(String),
    AppliedAt DateTime64(3)
)
ENGINE = ReplacingMergeTree(AppliedAt)
ORDER BY View
