SELECT name, engine_full
FROM system.tables
WHERE database = {database:String} AND has({tables:Array(String)}, name)
