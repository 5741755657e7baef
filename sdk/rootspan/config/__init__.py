"""What `init()` was told: arguments and environment, checked before anything starts."""
