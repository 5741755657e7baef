"""Who this process is: the resource every span, log record and metric carries.

Owns detection and precedence (argument, then environment, then detected). Refuses to look anything up over
the network: starting a service must not wait for a cloud's metadata server.
"""

from __future__ import annotations

import os
import platform
import socket
import sys
import uuid

from opentelemetry.sdk.resources import Resource

from rootspan import semconv
from rootspan.config.settings import AttributeValue, Config
from rootspan.resource.job import detect, scheduled


def build_resource(config: Config) -> Resource:
    """The resource of this process; `service.name` is never empty."""
    chosen: dict[str, AttributeValue] = dict(config.resource)
    if config.service:
        chosen[semconv.SERVICE_NAME] = config.service
    if config.recorded_ratio is not None and config.recorded_ratio > 0:
        chosen.setdefault(semconv.SAMPLING_RATE, config.recorded_ratio)
    place = detect()
    detected = Resource(
        {
            semconv.HOST_NAME: socket.gethostname(),
            **(place.resource() if place is not None else scheduled(os.environ)),
            "process.runtime.name": sys.implementation.name,
            "process.runtime.version": platform.python_version(),
            **process_identity(),
        }
    )
    # Resource.create reads OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME, and lets `chosen` win over them.
    return detected.merge(Resource.create(chosen))


def process_identity() -> dict[str, str | int]:
    """What differs between a process and the child it forks; a new instance id on each call."""
    # uuid4 draws from os.urandom: a forked child gets its own, and the global `random` stays untouched.
    return {semconv.PROCESS_PID: os.getpid(), semconv.SERVICE_INSTANCE_ID: str(uuid.uuid4())}


def child_identity(parent: Resource, config: Config) -> Resource:
    """The resource of a forked child: its parent's, with its own pid and instance id.

    An instance id that was configured stays, as the person who set it wished.
    """
    fresh = process_identity()
    fixed = config.resource.get(semconv.SERVICE_INSTANCE_ID) or _from_environment(semconv.SERVICE_INSTANCE_ID)
    if isinstance(fixed, str):
        fresh[semconv.SERVICE_INSTANCE_ID] = fixed
    return parent.merge(Resource(fresh))


def _from_environment(key: str) -> str | None:
    for item in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "").split(","):
        name, _, value = item.partition("=")
        if name.strip() == key:
            return value.strip()
    return None
