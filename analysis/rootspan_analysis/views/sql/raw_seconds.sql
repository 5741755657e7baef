-- Seconds since which what arrived is read from the raw tables, by the text of a view that reads both; 0 if it does not say.
SELECT toInt64OrZero(extract(create_table_query, 'toIntervalSecond\\((\\d+)\\)')) AS raw_s
FROM system.tables
WHERE database = currentDatabase() AND name = {view:String}
