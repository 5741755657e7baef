"""This machine's GPUs as metrics, by the SDK's own sampler. Without a GPU nothing is started.

A reading that cannot be sent is not sent later: the next one says more.
"""

import importlib.util

import rootspan
from rootspan import semconv
from rootspan.gpu import watch
from rootspan_agent.settings import AgentSettings

__all__ = ["GpuMetrics"]


class GpuMetrics:
    """Samples while it is started."""

    def __init__(self, settings: AgentSettings) -> None:
        self._settings = settings
        self._samples = False

    def start(self) -> None:
        """Sample from now on, if it is wanted and there is a GPU and its library."""
        if not self._settings.gpus or importlib.util.find_spec("pynvml") is None:
            return
        headers = {"authorization": f"Bearer {self._settings.token}"} if self._settings.token else None
        rootspan.init(
            "rootspan-agent",
            self._settings.endpoint,
            resource={semconv.HOST_NAME: self._settings.host},
            headers=headers,
            certificate=self._settings.ca,
        )
        self._samples = True
        if not watch():
            self.stop()

    def stop(self) -> None:
        """Send the last reading and end."""
        if self._samples:
            self._samples = False
            rootspan.shutdown()
