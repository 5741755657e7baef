"""What the page Incidents shows, and where an operator says what was done."""
