"""The way to a collector: bounded queues, encoding, transport, spool, and the account of what was lost."""
