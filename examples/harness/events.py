"""Tells that something happened, as a named log event of OpenTelemetry."""

from __future__ import annotations

import time
from collections.abc import Mapping

from opentelemetry._logs import LogRecord, SeverityNumber, get_logger


def tell(name: str, words: str, attributes: Mapping[str, str | int | float], *, severe: bool = True) -> None:
    """Emit an event: WARN where it is severe, else INFO. After `rootspan.init` it goes to the collector."""
    get_logger("examples").emit(
        LogRecord(
            timestamp=time.time_ns(),
            severity_number=SeverityNumber.WARN if severe else SeverityNumber.INFO,
            severity_text="WARN" if severe else "INFO",
            body=words,
            attributes=dict(attributes),
            event_name=name,
        )
    )
