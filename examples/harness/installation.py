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
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

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
    _beside: ExitStack
    _stories: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _regional: dict[str, Stage] = field(default_factory=dict)

    def in_region(self, region: str) -> Stage:
        """A store and a collector of one region, started when first asked for, that end with this stage.

        The collector refuses data of any other region.
        """
        if region not in self._regional:
            self._regional[region] = self._beside.enter_context(installation(region))
        return self._regional[region]

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

    def ask(self, command: str, window: Window, *more: str, store: str = "") -> Answer:
        """What a command that takes a window says with `--json`, of this store or of others; as `why`."""
        self.wait_stored()
        asked = ["--from", str(window.from_ns), "--to", str(window.to_ns)]
        return self._run([command, "--json", "--store", store or self.store, *asked, *more], {0})

    def _run(self, arguments: Sequence[str], good: Collection[int]) -> Answer:
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            status = run(arguments)
        if status not in good:
            raise RuntimeError(f"rootspan {' '.join(arguments)} ended with status {status}")
        answer: Answer = json.loads(said.getvalue())
        return answer

    def doctor(self) -> Mapping[str, Any]:
        """What `rootspan doctor --json` says."""
        return self._run(["doctor", "--json", "--store", self.store, "--collector", self.collector], {0, 1})

    def wait_stored(self) -> None:
        """Return once the collector has stored all that it acknowledged."""
        deadline = time.monotonic() + DRAINED_WITHIN_S
        address = CollectorAddress(self.collector)
        while read_status(address, timeout_s=20).pending:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the collector has not stored everything within {DRAINED_WITHIN_S:g} s")
            time.sleep(0.05)


@contextmanager
def installation(region: str = "") -> Iterator[Stage]:
    """A running stage on a fresh folder, which is removed at the end.

    Args:
        region: The only one whose data the collector takes; empty: any.
    """
    with (
        tempfile.TemporaryDirectory(prefix="rootspan-examples-", ignore_cleanup_errors=True) as folder,
        ExitStack() as beside,
    ):
        planned = Installation(
            data=Path(folder),
            store=Address("127.0.0.1", 0),
            collector=Address("127.0.0.1", 0),
            dashboard=None,
        ).on_free_ports()
        if region:
            planned = replace(planned, regions=_regions_file(Path(folder), region, planned.store_url))
        with Supervisor(planned.parts(), lambda _line: None) as supervisor:
            bring_up(planned, supervisor, lambda _name: None)
            yield Stage(str(planned.collector.reachable), planned.store_url, beside)


def _regions_file(folder: Path, region: str, store_url: str) -> Path:
    path = folder / "regions.toml"
    path.write_text(f'strict = true\n[stores.home]\nurl = "{store_url}"\nregions = ["{region}"]\n')
    return path
