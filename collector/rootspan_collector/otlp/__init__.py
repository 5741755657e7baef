"""What the collector knows of OTLP: framing and service names, and nothing of what is inside a span."""
