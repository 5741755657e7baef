ALTER TABLE ${table} MODIFY TTL InsertedAt + ${interval}
