"""rootspan: distributed tracing for GPU inference and training fleets."""

from rootspan.context.baggage import baggage
from rootspan.context.carried import carry
from rootspan.context.launch import child_environment
from rootspan.context.propagation import extract, inject, inject_pairs, link
from rootspan.context.retries import attempt
from rootspan.errors import ConfigurationError, MissingExtraError, RootspanError
from rootspan.export.ledger import Delivery
from rootspan.lifecycle import delivery, flush, init, shutdown
from rootspan.spans.decorate import infer, trace
from rootspan.spans.inference import set_usage
from rootspan.spans.scope import SpanScope, current_span, set_attributes, span
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
