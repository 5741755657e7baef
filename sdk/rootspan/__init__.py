"""rootspan: distributed tracing for GPU inference and training fleets."""

from rootspan.baggage_entries import baggage
from rootspan.carried import carry
from rootspan.decorate import infer, trace
from rootspan.errors import ConfigurationError, MissingExtraError, RootspanError
from rootspan.inference import set_usage
from rootspan.launch import child_environment
from rootspan.ledger import Delivery
from rootspan.lifecycle import delivery, flush, init, shutdown
from rootspan.propagation import extract, inject, inject_pairs, link
from rootspan.retries import attempt
from rootspan.spans import SpanScope, current_span, set_attributes, span
from rootspan.training import checkpoint, collective, phase, train_step

__all__ = [
    "ConfigurationError",
    "Delivery",
    "MissingExtraError",
    "RootspanError",
    "SpanScope",
    "attempt",
    "baggage",
    "carry",
    "checkpoint",
    "child_environment",
    "collective",
    "current_span",
    "delivery",
    "extract",
    "flush",
    "infer",
    "init",
    "inject",
    "inject_pairs",
    "link",
    "phase",
    "set_attributes",
    "set_usage",
    "shutdown",
    "span",
    "trace",
    "train_step",
]
