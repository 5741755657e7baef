"""Carries the current span over a transport of your own: headers out, headers in (W3C trace context,
baggage).

The official instrumentations do this for gRPC, requests and httpx; these two functions are for everything
else.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping

from opentelemetry import propagate
from opentelemetry.context import Context


def inject(headers: MutableMapping[str, str] | None = None) -> MutableMapping[str, str]:
    """Add the current span to headers; returns them, or new ones where none were given."""
    carrier: MutableMapping[str, str] = {} if headers is None else headers
    propagate.inject(carrier)
    return carrier


def extract(headers: Mapping[str, str]) -> Context:
    """The caller's context, for `rootspan.span(..., context=...)`.

    Names may be in any case; nothing raises.
    """
    return propagate.extract({name.lower(): value for name, value in headers.items()})
