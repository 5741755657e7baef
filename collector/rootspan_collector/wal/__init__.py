"""The write-ahead log: what is acknowledged is here, on disk, until the store has it."""
