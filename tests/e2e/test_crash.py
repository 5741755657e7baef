"""SIGKILL in mid-stream: everything acknowledged is there exactly once, in raw tables, rollups and ledger.

The short form of `python -m bench.crash`, whose default is 50 rounds.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from bench.crash import run

pytestmark = pytest.mark.process


def test_killing_collector_and_store_at_random_loses_and_doubles_nothing(tmp_path: Path) -> None:
    # This seed kills each of them alone, and both at once.
    account = run(tmp_path, rounds=4, seed=3, longest_s=0.5)
    assert account.faults == ()
    assert min(account.acknowledged.values()) > 100
    assert account.repeated_requests > 10
    assert len(account.kills) == 3
