"""The Streamlit dashboard: see the fleet, find the cause, read the trace."""

from rootspan_dashboard.serve import command, environment, serve
from rootspan_dashboard.settings import DashboardSettings

__all__ = ["DashboardSettings", "command", "environment", "serve"]
