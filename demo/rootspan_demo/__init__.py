"""The reference fleet, simulated in virtual time and sent as OTLP."""
