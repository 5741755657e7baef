"""rootspan: distributed tracing for GPU inference and training fleets."""
