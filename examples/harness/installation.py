"""A store and a collector of an example's own, and the question to them.

Owns their start, their end and the folder they keep things in. They are the parts of `rootspan up`, on
free ports.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from examples.harness.truth import Answer

from rootspan_cli.app import run
from rootspan_cli.collector_channel import CollectorAddress
from rootspan_cli.doctor.collector_status import read_status
from rootspan_cli.processes.bring_up import bring_up
from rootspan_cli.processes.installation import Installation
from rootspan_cli.processes.ports import Address
from rootspan_cli.processes.supervisor import Supervisor

S = 1_000_000_000
APART_NS = 26 * 3600 * S
"""Between the stories told to one store: `why` looks back a day."""
DRAINED_WITHIN_S = 120.0


@dataclass(frozen=True, slots=True)
class Window:
    """What to ask about."""

    from_ns: int
    to_ns: int
    job: str = ""


@dataclass(slots=True)
class Stage:
    """A running store and collector.

    Attributes:
        collector: OTLP/gRPC, `host:port`.
        store: As `--store` takes it.
    """

    collector: str
    store: str
    _stories: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def next_end_ns(self) -> int:
        """When the next story that is told again ends: each a day and more before the one before.

        The first as well: now is the time of the jobs that run live.
        """
        return time.time_ns() - 5 * S - next(self._stories) * APART_NS

    def why(self, window: Window) -> Answer:
        """What `rootspan why --json` says, once all that was acknowledged is stored.

        Raises:
            TimeoutError: The collector still holds something back.
            RuntimeError: The command failed.
        """
        return self.ask("why", window, *(["--job", window.job] if window.job else []))

    def ask(self, command: str, window: Window, *more: str) -> Answer:
        """What a command that takes a window says with `--json`; otherwise as `why`."""
        self.wait_stored()
        arguments = [command, "--json", "--store", self.store]
        arguments += ["--from", str(window.from_ns), "--to", str(window.to_ns), *more]
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            status = run(arguments)
        if status:
            raise RuntimeError(f"rootspan {' '.join(arguments)} ended with status {status}")
        answer: Answer = json.loads(said.getvalue())
        return answer

    def wait_stored(self) -> None:
        """Return once the collector has stored all that it acknowledged."""
        deadline = time.monotonic() + DRAINED_WITHIN_S
        address = CollectorAddress(self.collector)
        while any(one.pending for one in read_status(address, timeout_s=20).signals.values()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the collector has not stored everything within {DRAINED_WITHIN_S:g} s")
            time.sleep(0.05)


@contextmanager
def installation() -> Iterator[Stage]:
    """A running stage on a fresh folder, which is removed at the end."""
    with tempfile.TemporaryDirectory(prefix="rootspan-examples-", ignore_cleanup_errors=True) as folder:
        planned = Installation(
            data=Path(folder),
            store=Address("127.0.0.1", 0),
            collector=Address("127.0.0.1", 0),
            dashboard=None,
        ).on_free_ports()
        with Supervisor(planned.parts(), lambda _line: None) as supervisor:
            bring_up(planned, supervisor, lambda _name: None)
            yield Stage(str(planned.collector.reachable), planned.store_url)
