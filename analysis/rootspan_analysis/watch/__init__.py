"""Objectives watched, breaches made incidents, incidents explained: what runs while nobody asks."""

from rootspan_analysis.watch.incident import (
    BlastRadius,
    Breach,
    Incident,
    IncidentImpact,
    ObjectiveKind,
    Severity,
    State,
)
from rootspan_analysis.watch.records import incident, incidents

__all__ = [
    "BlastRadius",
    "Breach",
    "Incident",
    "IncidentImpact",
    "ObjectiveKind",
    "Severity",
    "State",
    "incident",
    "incidents",
]
