"""Which sampling decisions need no sampler object: the ones nearly everybody uses.

Owns the reading of OpenTelemetry's built-in samplers. A sampler that is not recognised, by its exact type and
parts, is asked for every span as OpenTelemetry's SDK does.
"""

from __future__ import annotations

from dataclasses import dataclass

from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, Sampler, TraceIdRatioBased

ID_MASK = TraceIdRatioBased.TRACE_ID_LIMIT
_EVERYTHING = ID_MASK + 1
_DELEGATES = (
    ("_remote_parent_sampled", ALWAYS_ON),
    ("_remote_parent_not_sampled", ALWAYS_OFF),
    ("_local_parent_sampled", ALWAYS_ON),
    ("_local_parent_not_sampled", ALWAYS_OFF),
)


@dataclass(frozen=True, slots=True)
class Shortcut:
    """A sampler as two numbers.

    Attributes:
        bound: A trace is kept when the low 64 bits of its id are below it.
        follows_parent: A span with a parent does as the parent did, whatever its id.
    """

    bound: int
    follows_parent: bool


def shortcut(sampler: Sampler) -> Shortcut | None:
    """The sampler as numbers, or None where it has to be asked."""
    if type(sampler) is ParentBased:
        if any(getattr(sampler, name, None) is not expected for name, expected in _DELEGATES):
            return None
        bound = _bound(getattr(sampler, "_root", None))
        return None if bound is None else Shortcut(bound, follows_parent=True)
    bound = _bound(sampler)
    return None if bound is None else Shortcut(bound, follows_parent=False)


def _bound(sampler: object) -> int | None:
    if sampler is ALWAYS_ON:
        return _EVERYTHING
    if sampler is ALWAYS_OFF:
        return 0
    return sampler.bound if type(sampler) is TraceIdRatioBased else None
