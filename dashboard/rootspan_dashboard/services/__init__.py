"""What the page Services shows."""
