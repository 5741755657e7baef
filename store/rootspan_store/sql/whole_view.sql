CREATE OR REPLACE VIEW ${view} AS
SELECT * FROM ${raw} WHERE InsertedAt >= now() - toIntervalSecond(${raw_s})
UNION ALL
SELECT * FROM ${kept} WHERE InsertedAt < now() - toIntervalSecond(${raw_s})
