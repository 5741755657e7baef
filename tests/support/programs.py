"""Python programs run as processes of their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Finished", "RunProgram"]


@dataclass(frozen=True)
class Finished:
    out: str
    err: str
    code: int
    took_s: float


RunProgram = Callable[..., Finished]
