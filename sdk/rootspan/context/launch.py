"""Takes the current span along to programs that are started: TRACEPARENT, TRACESTATE and BAGGAGE.

Owns the environment as a carrier, as OpenTelemetry specifies it ("Environment Variables as Context
Propagation Carriers"). What a launcher hands on (torchrun, srun, mpirun -x, a Kubernetes Job's `env`) arrives
in every process that it starts.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from opentelemetry import context as otel_context
from opentelemetry import trace as otel_trace
from opentelemetry.context import Context

from rootspan.context.propagation import extract, inject

VARIABLES = ("TRACEPARENT", "TRACESTATE", "BAGGAGE")


def child_environment(
    base: Mapping[str, str] | None = None, *, context: Context | None = None
) -> dict[str, str]:
    """An environment for a program that continues the current span.

    For example `subprocess.run(..., env=rootspan.child_environment())`.

    Args:
        base: What else is in it; None takes this process's environment, `{}` nothing.
        context: Whose span; None takes what is current.

    Returns:
        A new dictionary. A TRACEPARENT of the base is replaced, or removed where no span is current.
    """
    variables = dict(os.environ if base is None else base)
    for name in VARIABLES:
        variables.pop(name, None)
    return variables | {name.upper(): value for name, value in inject(context=context).items()}


def adopt() -> None:
    """Make the span that started this program the current one, where none is. `init()` does it."""
    if otel_trace.get_current_span().get_span_context().is_valid:
        return
    found = {name: os.environ[name] for name in VARIABLES if os.environ.get(name)}
    if found:
        otel_context.attach(extract(found))
