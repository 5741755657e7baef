"""rootspan: distributed tracing for GPU inference and training fleets."""

from rootspan.decorate import trace
from rootspan.errors import ConfigurationError, MissingExtraError, RootspanError
from rootspan.ledger import Delivery
from rootspan.lifecycle import delivery, flush, init, shutdown
from rootspan.propagation import extract, inject
from rootspan.spans import SpanScope, current_span, set_attributes, span

__all__ = [
    "ConfigurationError",
    "Delivery",
    "MissingExtraError",
    "RootspanError",
    "SpanScope",
    "current_span",
    "delivery",
    "extract",
    "flush",
    "init",
    "inject",
    "set_attributes",
    "shutdown",
    "span",
    "trace",
]
