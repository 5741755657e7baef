"""The Streamlit dashboard: see the fleet, find the cause, read the trace."""

from rootspan_dashboard.access.settings import SignInSettings
from rootspan_dashboard.serve import configuration, environment, is_exposed, serve
from rootspan_dashboard.settings import DashboardSettings

__all__ = ["DashboardSettings", "SignInSettings", "configuration", "environment", "is_exposed", "serve"]
