-- Rows and bytes of each table of the database, largest first.
SELECT table AS Table, sum(rows) AS Rows, sum(bytes_on_disk) AS Bytes
FROM system.parts
WHERE active AND database = {database:String}
GROUP BY table
ORDER BY Bytes DESC, Table
