"""Two thousand machines connected at once to one collector: all are served, within its memory."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
from bench.connections import run

pytestmark = pytest.mark.process

MACHINES = 2000


def test_two_thousand_machines_at_once_are_all_acknowledged(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limits[1] < 2 * MACHINES:
        pytest.skip(f"this user may open {limits[1]} files only")
    try:
        found = run(tmp_path, connections=MACHINES, rounds=1)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert found.requests == MACHINES
    assert found.spans_accepted == found.spans_sent == 8 * MACHINES
    assert found.collector_rss_mb < 300
