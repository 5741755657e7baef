"""What `rootspan doctor` looks at: the store, the collector, and whether all telemetry is accounted for."""
