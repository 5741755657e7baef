"""What the agent raises on purpose: one subclass for each decision of its caller."""

__all__ = ["AgentError", "RefusedFull", "ScrapeFailed", "SettingsError", "StateError"]


class AgentError(Exception):
    """Base of all of them; the text is one line for a person."""


class SettingsError(AgentError):
    """A setting cannot be used: change it."""


class StateError(AgentError):
    """The state folder cannot be used: another agent holds it, or it is damaged. Choose another one."""


class RefusedFull(AgentError):  # noqa: N818 - named for what happened
    """The folder of what the collector refused for good is full: look into it, then empty it."""


class ScrapeFailed(AgentError):  # noqa: N818 - named for what happened
    """An endpoint did not tell its metrics: try again at the next turn."""
