"""What holds for every test: this machine's own rootspan settings and proxies do not reach it."""

import os
from collections.abc import Iterator

import hypothesis
import pytest

# How long an example takes says how busy the machine is, nothing else.
hypothesis.settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any machine")


@pytest.fixture(autouse=True, scope="session")
def _own_environment() -> Iterator[None]:
    """Take away variables that would change what a program under test does."""
    kept = dict(os.environ)
    for name in kept:
        if name.startswith(("ROOTSPAN_", "OTEL_")) or name.lower() in (
            "http_proxy",
            "https_proxy",
            "all_proxy",
        ):
            del os.environ[name]
    yield
    os.environ.clear()
    os.environ.update(kept)
