"""Log records with the trace, span, rank and step they were made in, shipped without waiting or recursing."""

from rootspan.logs.context import ContextFilter, context_fields
from rootspan.logs.shipping import OWN_LOGGERS, is_own
from rootspan.logs.standard import LogBridge, OtlpHandler, translate

__all__ = [
    "OWN_LOGGERS",
    "ContextFilter",
    "LogBridge",
    "OtlpHandler",
    "context_fields",
    "is_own",
    "translate",
]
