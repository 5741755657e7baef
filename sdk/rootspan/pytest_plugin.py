"""A pytest fixture, for `pytest_plugins = ["rootspan.pytest_plugin"]`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rootspan.testing.capture import Captured, capture


@pytest.fixture
def captured() -> Iterator[Captured]:
    """Spans and log records of this test, with fixed ids and a fixed clock."""
    with capture() as collected:
        yield collected
