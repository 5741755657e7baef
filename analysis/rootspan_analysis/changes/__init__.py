"""Changes of the fleet: told by people and pipelines, or shown by telemetry; evidence for what broke."""

from rootspan_analysis.changes.change import KINDS, Change
from rootspan_analysis.changes.discover import ChangeFinder, write_changes
from rootspan_analysis.changes.records import changes_near, with_changes

__all__ = [
    "KINDS",
    "Change",
    "ChangeFinder",
    "changes_near",
    "with_changes",
    "write_changes",
]
