"""rootspan: distributed tracing for GPU inference and training fleets."""

from rootspan.baggage_entries import baggage
from rootspan.carried import carry
from rootspan.decorate import trace
from rootspan.errors import ConfigurationError, MissingExtraError, RootspanError
from rootspan.launch import environment
from rootspan.ledger import Delivery
from rootspan.lifecycle import delivery, flush, init, shutdown
from rootspan.propagation import extract, inject, inject_pairs, link
from rootspan.spans import SpanScope, current_span, set_attributes, span

__all__ = [
    "ConfigurationError",
    "Delivery",
    "MissingExtraError",
    "RootspanError",
    "SpanScope",
    "baggage",
    "carry",
    "current_span",
    "delivery",
    "environment",
    "extract",
    "flush",
    "init",
    "inject",
    "inject_pairs",
    "link",
    "set_attributes",
    "shutdown",
    "span",
    "trace",
]
