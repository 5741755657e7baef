"""A log folder for each test; makes `support` importable."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from wal_bench import WalBench

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


@pytest.fixture
def wal(tmp_path: Path) -> WalBench:
    return WalBench(tmp_path / "wal")
