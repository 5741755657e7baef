"""This machine's readings as metrics: its GPUs, by the SDK's own sampler, and who waits for a processor.

Owns whether anything is sampled. A reading that cannot be sent is not sent later: the next one says more.
"""

import importlib.util

import rootspan
from rootspan import semconv
from rootspan.gpu import watch
from rootspan_agent.pressure import Pressure
from rootspan_agent.settings import AgentSettings

__all__ = ["Readings"]


class Readings:
    """Samples while it is started."""

    def __init__(self, settings: AgentSettings) -> None:
        self._settings = settings
        self._samples = False

    def start(self) -> None:
        """Sample from now on what is wanted and there: GPUs with their library, pressure with its files."""
        pressure = Pressure(self._settings.pressure)
        gpus = self._settings.gpus and importlib.util.find_spec("pynvml") is not None
        waits = pressure.works()
        if not gpus and not waits:
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
        if waits:
            pressure.start()
        if not (gpus and watch()) and not waits:
            self.stop()

    def stop(self) -> None:
        """Send the last reading and end."""
        if self._samples:
            self._samples = False
            rootspan.shutdown()
