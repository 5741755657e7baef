SELECT name
FROM system.tables
WHERE database = {database:String} AND engine = 'MaterializedView' AND name LIKE {pattern:String}
ORDER BY name
