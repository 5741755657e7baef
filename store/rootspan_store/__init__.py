"""ClickHouse for rootspan: schema, client, and the embedded engine behind ClickHouse's HTTP interface."""
