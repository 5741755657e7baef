"""How things are said: numbers, times, text from the telemetry, pieces of HTML. Knows nothing of pages."""
