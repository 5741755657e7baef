INSERT INTO rootspan_schema (Version, Name, Checksum, AppliedAt)
SELECT {version:UInt32}, {name:String}, {checksum:String}, now64(3)
