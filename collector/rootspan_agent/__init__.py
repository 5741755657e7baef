"""The node agent: a machine's log files and journal, no line skipped, its GPUs and Prometheus endpoints.

Public: `Agent` and its `AgentSettings`; errors are `AgentError`s. Knows no part of rootspan but the SDK.
"""

from rootspan_agent.agent import Agent
from rootspan_agent.errors import AgentError
from rootspan_agent.pressure import DEFAULT_PRESSURE
from rootspan_agent.scrape.target import Target, target_of
from rootspan_agent.settings import AgentSettings

__all__ = ["DEFAULT_PRESSURE", "Agent", "AgentError", "AgentSettings", "Target", "target_of"]
