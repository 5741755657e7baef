"""rootspan: distributed tracing for GPU inference and training fleets."""

from rootspan.baggage_entries import baggage
from rootspan.carried import carry
from rootspan.decorate import trace
from rootspan.errors import ConfigurationError, MissingExtraError, RootspanError
from rootspan.launch import child_environment
from rootspan.ledger import Delivery
from rootspan.lifecycle import delivery, flush, init, shutdown
from rootspan.propagation import extract, inject, inject_pairs, link
from rootspan.spans import SpanScope, current_span, set_attributes, span
from rootspan.training import checkpoint, collective, phase, train_step

__all__ = [
    "ConfigurationError",
    "Delivery",
    "MissingExtraError",
    "RootspanError",
    "SpanScope",
    "baggage",
    "carry",
    "checkpoint",
    "child_environment",
    "collective",
    "current_span",
    "delivery",
    "extract",
    "flush",
    "init",
    "inject",
    "inject_pairs",
    "link",
    "phase",
    "set_attributes",
    "shutdown",
    "span",
    "trace",
    "train_step",
]
