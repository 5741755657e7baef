"""What the pages Fleet and Host show."""
