"""What answers look like on a terminal: data in, text out. Asks nobody, decides nothing."""
