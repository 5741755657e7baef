ALTER TABLE ${table} MODIFY TTL InsertedAt + toIntervalDay(${days})
