"""Brings incidents to receivers: a thread for each, the newest state only, repeated until it is taken.

Owns retries, timeouts and the record of what was told (table `rootspan_notices`), by which a watcher that
starts again repeats nothing. A receiver may be told twice if the store fails right after it took a message.
"""

import random
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

from rootspan_analysis.errors import StoreError
from rootspan_analysis.rows import Client, rows_of, timestamp, write
from rootspan_analysis.watch.incident import Incident
from rootspan_analysis.watch.messages import Message, Told, message_for
from rootspan_analysis.watch.objectives import Receiver
from rootspan_analysis.watch.queries import run

__all__ = ["Notifier", "Retries"]

_AGAIN: Final = frozenset({408, 425, 429})
"""Refusals of 400 and above that are not for good; so are all from 500 on."""


@dataclass(frozen=True, slots=True)
class Retries:
    """How patient to be.

    Attributes:
        timeout_s: Of one attempt.
        first_s, most_s: Wait after the first failure, doubled by each further one, and the longest.
        give_up_s: After so long a state is dropped; a later one is tried anew.
        leave_s: How long to go on trying when the watcher ends.
    """

    timeout_s: float = 5.0
    first_s: float = 1.0
    most_s: float = 60.0
    give_up_s: float = 3600.0
    leave_s: float = 5.0


@dataclass(slots=True)
class _Waiting:
    """An incident's newest state on its way to one receiver."""

    found: Incident
    since_s: float
    due_s: float
    attempts: int = 0


class _Post:
    """One receiver's thread."""

    def __init__(
        self, client: Client, receiver: Receiver, say: Callable[[str], None], retries: Retries
    ) -> None:
        self._client, self._receiver, self._say, self._retries = client, receiver, say, retries
        place = urlsplit(receiver.url)
        self.name = receiver.name or f"{receiver.kind} {place.hostname}:{place.port or place.scheme}"
        self._waiting: dict[str, _Waiting] = {}
        self._told: dict[str, Told | None] = {}
        self._changed = threading.Condition()
        self._leave_at_s: float | None = None
        self._thread = threading.Thread(target=self._run, name=f"notify {self.name}", daemon=True)
        self._thread.start()

    def offer(self, found: Incident) -> None:
        with self._changed:
            held = self._waiting.get(found.id)
            now_s = time.monotonic()
            if held is None:
                self._waiting[found.id] = _Waiting(found, now_s, now_s)
            else:
                held.found = found
            self._changed.notify()

    def leave(self) -> None:
        with self._changed:
            self._leave_at_s = time.monotonic() + self._retries.leave_s
            self._changed.notify()
        self._thread.join(self._retries.leave_s + self._retries.timeout_s + 1)

    def _run(self) -> None:
        while (found := self._next()) is not None:
            failure, wait_s = self._deliver(found)
            self._settle(found, failure, wait_s)

    def _next(self) -> Incident | None:
        """The next state that is due; None: the watcher ends, and nothing waits or the time is over."""
        with self._changed:
            while True:
                now_s = time.monotonic()
                if self._leave_at_s is not None and (not self._waiting or now_s >= self._leave_at_s):
                    return None
                first = min(self._waiting.values(), key=lambda one: one.due_s, default=None)
                if first is not None and first.due_s <= now_s:
                    return first.found
                until = [one for one in (first.due_s if first else None, self._leave_at_s) if one is not None]
                self._changed.wait(max(0.0, min(until) - now_s) if until else None)

    def _settle(self, found: Incident, failure: str, wait_s: float | None) -> None:
        """Forget what was taken; have the rest wait. A newer state that came meanwhile stays."""
        with self._changed:
            held = self._waiting.get(found.id)
            if held is None:
                return
            now_s = time.monotonic()
            if not failure:
                if held.found is found:
                    del self._waiting[found.id]
                else:
                    held.attempts, held.since_s, held.due_s = 0, now_s, now_s
                return
            held.attempts += 1
            if wait_s is None or now_s - held.since_s >= self._retries.give_up_s:
                if held.found is found:
                    del self._waiting[found.id]
                self._say(f"{self.name} was not told of incident {found.id}: {failure}")
                return
            backoff_s = min(self._retries.first_s * 2.0 ** (held.attempts - 1), self._retries.most_s)
            held.due_s = now_s + max(wait_s, backoff_s * random.uniform(0.8, 1.2))
            if held.attempts == 1:
                self._say(f"{self.name} did not take incident {found.id}: {failure}; trying again")

    def _deliver(self, found: Incident) -> tuple[str, float | None]:
        """Try once. Returns what went wrong, if anything, and the wait until the next try (None: no try)."""
        now_ns = time.time_ns()
        try:
            if found.id not in self._told:
                self._told[found.id] = self._remembered(found.id)
            message = message_for(found, self._receiver, self._told[found.id], now_ns=now_ns)
            if message is None:
                return "", None
            failure, wait_s = self._send(message)
            if failure:
                return failure, wait_s
            self._told[found.id] = Told(message.event, message.fingerprint, now_ns)
            self._remember(found.id, message, now_ns)
        except StoreError as error:
            # What was sent is known to this process at least.
            return str(error), 0.0
        if found.state == "closed":
            self._told.pop(found.id, None)
        return "", None

    def _send(self, message: Message) -> tuple[str, float | None]:
        request = urllib.request.Request(
            message.url, data=message.body, headers=dict(message.headers), method="POST"
        )
        try:
            with urllib.request.urlopen(request, timeout=self._retries.timeout_s) as answer:
                answer.read(64 * 1024)
            return "", None
        except urllib.error.HTTPError as error:
            with error:
                again = error.code in _AGAIN or error.code >= 500
                asked = error.headers.get("Retry-After", "")
                return f"HTTP {error.code} {error.reason}", _seconds(asked) if again else None
        except (OSError, ValueError) as error:
            return str(getattr(error, "reason", error)) or type(error).__name__, 0.0

    def _remembered(self, incident_id: str) -> Told | None:
        rows = rows_of(run(self._client, "notices", {"incident": incident_id, "target": self.name}))
        if not rows:
            return None
        return Told(str(rows[0]["event"]), str(rows[0]["fingerprint"]), int(str(rows[0]["sent_ns"])))

    def _remember(self, incident_id: str, message: Message, now_ns: int) -> None:
        row = {
            "IncidentId": incident_id,
            "Target": self.name,
            "Event": message.event,
            "Fingerprint": message.fingerprint,
            "Sent": timestamp(now_ns),
        }
        write(self._client, "rootspan_notices", [row])


def _seconds(text: str) -> float:
    """A `Retry-After` in seconds; 0 for a date, or none."""
    return float(text) if text.isascii() and text.isdigit() else 0.0


class Notifier:
    """All receivers. A context manager: leaving it waits a few seconds for what is on its way.

    `offer` is safe to call from any thread, and never blocks.
    """

    def __init__(
        self,
        client: Client,
        receivers: Sequence[Receiver],
        say: Callable[[str], None],
        *,
        retries: Retries | None = None,
    ) -> None:
        self._posts = [_Post(client, one, say, retries or Retries()) for one in receivers]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for post in self._posts:
            post.leave()

    def offer(self, incident: Incident) -> None:
        """Take an incident's state to every receiver that does not know it."""
        for post in self._posts:
            post.offer(incident)
