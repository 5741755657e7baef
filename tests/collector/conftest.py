"""A log folder for each test, and collectors that run in this process."""

from __future__ import annotations

from pathlib import Path

import pytest
from wal_bench import WalBench


@pytest.fixture
def wal(tmp_path: Path) -> WalBench:
    return WalBench(tmp_path / "wal")
