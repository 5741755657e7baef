CREATE TABLE IF NOT EXISTS rootspan_schema
(
    Version UInt32,
    Name String,
    Checksum String,
    AppliedAt DateTime64(3)
)
ENGINE = ReplacingMergeTree(AppliedAt)
ORDER BY Version
