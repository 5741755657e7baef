"""The node agent: log files, the journal and GPUs of a machine, sent by OTLP, nothing skipped.

Public: `Agent` and its `AgentSettings`; errors are `AgentError`s. Knows no part of rootspan but the SDK.
"""

from rootspan_agent.agent import Agent
from rootspan_agent.errors import AgentError
from rootspan_agent.settings import AgentSettings

__all__ = ["Agent", "AgentError", "AgentSettings"]
