"""Starts parts in order, restarts what dies, and stops all in the opposite order.

Owns the policy of restarts. Prints nothing: what happens is handed to `tell`, one line each.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from rootspan_cli.errors import CliError
from rootspan_cli.processes.child import Child, exit_words, tail
from rootspan_cli.processes.part import Part

__all__ = ["PartFailed", "RestartPolicy", "Supervisor"]

_POLL_S: Final = 0.1
_TAIL_LINES: Final = 8


class PartFailed(CliError):  # noqa: N818 - named for what happened
    """A part did not start, or keeps dying: its log says why. Exit status 1.

    Attributes:
        part: Which.
        last_lines: The end of its log.
    """

    exit_status = 1

    def __init__(self, message: str, *, part: str, last_lines: Sequence[str]) -> None:
        super().__init__(message)
        self.part = part
        self.last_lines = tuple(last_lines)


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """When to start a dead part again, and when to give up.

    Attributes:
        first_backoff_s: Wait before the first restart; doubled by each further one within `window_s`.
        max_backoff_s: Longest wait.
        deaths: So many deaths within `window_s` are too many.
        window_s: How far back deaths count.
    """

    first_backoff_s: float = 0.5
    max_backoff_s: float = 10.0
    deaths: int = 5
    window_s: float = 120.0

    def backoff_s(self, deaths: int) -> float:
        """Wait before the restart after that many deaths (1 for the first)."""
        return min(self.max_backoff_s, self.first_backoff_s * 2.0 ** (deaths - 1))


class _Watched:
    """A part with its child and its deaths."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.child: Child | None = None
        self.deaths: deque[float] = deque()
        self.restart_at_s = 0.0


class Supervisor:
    """The parts of one installation. A context manager: leaving it stops all.

    `start`, `watch` and `stop` are for one thread; `fail_if_down` and `pids` may be called from others.
    """

    def __init__(
        self, parts: Sequence[Part], tell: Callable[[str], None], policy: RestartPolicy | None = None
    ) -> None:
        self._watched = [_Watched(part) for part in parts]
        self._tell = tell
        self._policy = policy or RestartPolicy()
        self._lock = threading.RLock()
        self._is_stopped = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self, name: str) -> None:
        """Start one part and wait until it works.

        Raises:
            PartFailed: It ended, or does not work in time.
        """
        watched = next(one for one in self._watched if one.part.name == name)
        part = watched.part
        with self._lock:
            watched.child = child = Child(part)
        if child.wait_ready(time.monotonic() + part.ready_timeout_s):
            return
        status = child.exit_status()
        how = exit_words(status)
        if status is None:
            how = f"did not get ready within {part.ready_timeout_s:.0f} s"
        raise self._failed(part, f"the {part.name} {how}")

    def watch(self, stop: threading.Event) -> None:
        """Restart what dies until `stop` is set.

        Raises:
            PartFailed: A part keeps dying.
        """
        while not stop.wait(_POLL_S):
            for watched in self._watched:
                self._look_after(watched)

    def _look_after(self, watched: _Watched) -> None:
        with self._lock:
            child, part, now = watched.child, watched.part, time.monotonic()
            if self._is_stopped:
                return
            if child is None:
                if watched.deaths and now >= watched.restart_at_s:
                    watched.child = Child(part)
                return
            status = child.exit_status()
            if status is None:
                return
            child.stop(0.0)
            watched.child = None
            watched.deaths.append(now)
            while watched.deaths and watched.deaths[0] < now - self._policy.window_s:
                watched.deaths.popleft()
            count = len(watched.deaths)
            if count >= self._policy.deaths:
                often = f"the {part.name} died {count} times within {self._policy.window_s:.0f} s"
                raise self._failed(part, f"{often}; last it {exit_words(status)}")
            backoff_s = self._policy.backoff_s(count)
            watched.restart_at_s = now + backoff_s
            last = next(iter(tail(part.log, 1)), "")
            self._tell(
                f"{part.name} {exit_words(status)}; starting it again in {backoff_s:.1f} s"
                + (f" (its log ends: {last[:160]})" if last else f" (see {part.log})")
            )

    def stop(self) -> None:
        """End all parts, last started first; each gets its time to finish. Safe to repeat."""
        with self._lock:
            self._is_stopped = True
            for watched in reversed(self._watched):
                child, watched.child = watched.child, None
                part = watched.part
                if child is not None and not child.stop(part.stop_timeout_s):
                    self._tell(
                        f"the {part.name} did not stop within {part.stop_timeout_s:.0f} s and was killed"
                    )

    def pids(self) -> dict[str, int]:
        """Process of each part that is running, by name."""
        with self._lock:
            return {one.part.name: one.child.pid for one in self._watched if one.child is not None}

    @staticmethod
    def _failed(part: Part, what: str) -> PartFailed:
        lines = tail(part.log, _TAIL_LINES)
        return PartFailed(f"{what}; its log is {part.log}", part=part.name, last_lines=lines)
