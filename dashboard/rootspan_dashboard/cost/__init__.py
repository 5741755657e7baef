"""What the page Cost shows."""
