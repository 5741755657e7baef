"""Training jobs of the examples, run for real, and what the ranks sent."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from rootspan.testing import Receiver, attributes_of

__all__ = ["Job", "RankSpan", "run_job"]

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class RankSpan:
    """A span with its resource, as plain values."""

    name: str
    rank: int
    step: int
    resource: dict[str, object]
    attributes: dict[str, object]
    trace_id: bytes
    span_id: bytes
    parent_id: bytes
    start_ns: int
    end_ns: int

    def seconds(self, phase: str) -> float:
        """Seconds of a phase of a step; 0 where it did not occur."""
        value = self.attributes.get(f"training.phase.{phase}.seconds", 0.0)
        assert isinstance(value, float)
        return value


@dataclass
class Job:
    """What a job sent and printed."""

    output: str
    spans: list[RankSpan]
    events: list[dict[str, object]] = field(default_factory=list)

    def steps(self) -> dict[int, dict[int, RankSpan]]:
        """`train.step` by step and rank."""
        found: dict[int, dict[int, RankSpan]] = defaultdict(dict)
        for span in self.spans:
            if span.name == "train.step":
                found[span.step][span.rank] = span
        return dict(found)


def run_job(module: str, *arguments: str, status: int = 0, **variables: str) -> Job:
    """Run an example against a receiver until its end."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "ROOTSPAN_"))}
    with Receiver() as receiver:
        done = subprocess.run(
            [sys.executable, "-m", module, "--endpoint", receiver.endpoint, *arguments],
            cwd=ROOT,
            env={**clean, **variables},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        spans = []
        for resource, span in receiver.spans():
            attributes = attributes_of(span)
            rank, step = attributes.get("training.rank"), attributes.get("training.step", -1)
            assert isinstance(rank, int)
            assert isinstance(step, int)
            spans.append(
                RankSpan(
                    span.name,
                    rank,
                    step,
                    attributes_of(resource),
                    attributes,
                    span.trace_id,
                    span.span_id,
                    span.parent_span_id,
                    span.start_time_unix_nano,
                    span.end_time_unix_nano,
                )
            )
        events = [
            {
                "event": record.event_name,
                "trace_id": record.trace_id,
                "rank": attributes_of(who)["training.rank"],
                **attributes_of(record),
            }
            for who, record in receiver.logs()
            if record.event_name
        ]
    return Job(done.stdout, spans, events)
