SELECT name, create_table_query
FROM system.tables
WHERE database = {database:String} AND has({names:Array(String)}, name)
