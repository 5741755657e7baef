"""How sure an answer is of a cause: a number that reads like a probability. Pure."""

from collections.abc import Sequence
from typing import Final

__all__ = ["confidence"]

RIVALRY: Final = 0.5
"""A rival takes away half of its weight: two causes may be true at once, so they need not add up to 1."""
NOISE_Z: Final = 1.0
"""Deviations that count for nothing: at 6, the least that most rules ask for, six of seven parts are left."""
AGREEMENT: Final = 0.5
"""Each further kind of evidence halves the doubt."""
MOST: Final = 0.99
"""Nothing that is inferred is certain."""


def confidence(place: int, weights: Sequence[float], *, p_value: float, z: float, agreeing: int = 0) -> float:
    """Confidence in the cause at `place`, 0-0.99.

    Args:
        weights: Of all causes of the answer (of what was lost, the share that each carries).
        z: How far out of its noise the cause is.
        agreeing: Further kinds of evidence for the same cause.
    """
    own = max(weights[place], 1e-9)
    rival = max((one for i, one in enumerate(weights) if i != place), default=0.0)
    doubt = 1 - max(z, 0.0) / (max(z, 0.0) + NOISE_Z)
    plain = (1 - min(p_value, 1.0)) * (1 - doubt * AGREEMENT**agreeing)
    return min(MOST, plain * own / (own + RIVALRY * rival))
