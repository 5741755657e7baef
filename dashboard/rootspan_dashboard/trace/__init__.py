"""What is said and drawn of traces, beyond what one page holds."""
