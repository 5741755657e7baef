"""What the pages Logs and Metrics show."""
