"""OpenTelemetry's tracer, made cheap: how a span of the fast path begins, decides and is written down."""
