"""OTLP/HTTP, and what is asked about the collector over HTTP."""
