"""ClickHouse in this process (chDB) behind ClickHouse's own HTTP interface."""
