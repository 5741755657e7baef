"""Prometheus endpoints, read at an interval and sent as OTLP metrics. No reading is made up for."""
