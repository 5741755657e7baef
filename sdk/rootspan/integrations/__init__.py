"""Libraries that rootspan connects to by more than OpenTelemetry's official instrumentations.

A module each; none is imported before it is asked for by name.
"""
