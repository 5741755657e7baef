"""Wall-clock time of each stage of a run, in order."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Stages"]


class Stages:
    """Stages and how long they took."""

    def __init__(self) -> None:
        self._began_s = time.monotonic()
        self.took_s: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the block as the stage `name`."""
        began_s = time.monotonic()
        try:
            yield
        finally:
            self.took_s[name] = time.monotonic() - began_s

    def sentence(self) -> str:
        """One line: each stage, and all together."""
        parts = ", ".join(f"{name} {took_s:.1f} s" for name, took_s in self.took_s.items())
        return f"{parts}; {time.monotonic() - self._began_s:.1f} s altogether"

    def to_json(self) -> dict[str, float]:
        """Seconds by stage, and `total`."""
        rounded = {name: round(took_s, 2) for name, took_s in self.took_s.items()}
        return {**rounded, "total": round(time.monotonic() - self._began_s, 2)}
