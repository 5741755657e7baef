"""The OTLP collector: receive, log to disk, acknowledge, insert into ClickHouse."""
