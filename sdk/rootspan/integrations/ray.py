"""Connects Ray tasks and actors: `ray.init(_tracing_startup_hook="rootspan.integrations.ray:start")`.

Owns the hook that Ray calls in the driver and in every worker. Ray itself carries the context into tasks and
actor methods, and makes a span for each call and each execution; the hook only has to set rootspan up. What
it is set up with comes from the environment (OTEL_SERVICE_NAME, OTEL_EXPORTER_OTLP_ENDPOINT, …), which Ray
hands on to workers; `ray.init(runtime_env={"env_vars": …})` sets it for a cluster.
"""

from __future__ import annotations

import os

from rootspan import lifecycle

EXPORT_DELAY_MS = "100"
"""How long a worker keeps spans at most. Ray ends workers by a signal, and what waits then is lost."""


def start() -> None:
    """Set this process up, unless it did so itself."""
    os.environ.setdefault("OTEL_BSP_SCHEDULE_DELAY", EXPORT_DELAY_MS)
    os.environ.setdefault("OTEL_BLRP_SCHEDULE_DELAY", EXPORT_DELAY_MS)
    lifecycle.inherit({})
