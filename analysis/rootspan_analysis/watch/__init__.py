"""Objectives watched, breaches made incidents, incidents explained: what runs while nobody asks."""

from rootspan_analysis.watch.follow import Event, Follower
from rootspan_analysis.watch.incident import (
    BlastRadius,
    Breach,
    Incident,
    IncidentImpact,
    ObjectiveKind,
    Severity,
    State,
)
from rootspan_analysis.watch.notify import Notifier, Retries
from rootspan_analysis.watch.objectives import (
    ConfigError,
    Objective,
    Receiver,
    WatchSettings,
    load_settings,
)
from rootspan_analysis.watch.records import incident, incidents
from rootspan_analysis.watch.watcher import Look, Watcher, run_until

__all__ = [
    "BlastRadius",
    "Breach",
    "ConfigError",
    "Event",
    "Follower",
    "Incident",
    "IncidentImpact",
    "Look",
    "Notifier",
    "Objective",
    "ObjectiveKind",
    "Receiver",
    "Retries",
    "Severity",
    "State",
    "WatchSettings",
    "Watcher",
    "incident",
    "incidents",
    "load_settings",
    "run_until",
]
