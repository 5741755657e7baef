"""Rules that change or leave out telemetry on its way into the tables: read, compiled to SQL, applied."""

from rootspan_store.rules.applying import apply_rules, rules_in_force
from rootspan_store.rules.file import load_rules
from rootspan_store.rules.model import Rule, RuleSet
from rootspan_store.rules.views import LandingView, landing_views, ruled_statement

__all__ = [
    "LandingView",
    "Rule",
    "RuleSet",
    "apply_rules",
    "landing_views",
    "load_rules",
    "ruled_statement",
    "rules_in_force",
]
