"""A viewer of the dashboard without a browser: opens a page over the app's WebSocket and has it run again.

What a viewer costs the machines of rootspan is the run of the page and the store's answers; drawing is done
on the viewer's machine, so that a browser here would measure the wrong thing.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect

__all__ = ["Viewer", "Viewers"]

ANSWER_TIMEOUT_S = 120.0
LARGEST_BYTES = 256 * 1024 * 1024


@dataclass(slots=True)
class Viewer:
    """One session on one page, with its parameters: `fleet?last=3h`.

    Attributes:
        took_s: Of each run of the page, from asking to its end.
    """

    url: str
    path: str
    took_s: list[float] = field(default_factory=list)

    def watch(self, every_s: float, until: threading.Event) -> None:
        """Open the page and run it again every so often, as auto-refresh does, until told to end."""
        at = urlsplit(self.url)
        with connect(
            f"ws://{at.netloc}/_stcore/stream",
            subprotocols=["streamlit"],  # type: ignore[list-item]
            origin=f"http://{at.netloc}",  # type: ignore[arg-type]
            max_size=LARGEST_BYTES,
            ping_interval=None,
            proxy=None,
        ) as socket:
            while not until.is_set():
                began = time.perf_counter()
                self._run(socket)
                took = time.perf_counter() - began
                self.took_s.append(took)
                until.wait(max(0.0, every_s - took))

    def _run(self, socket: ClientConnection) -> None:
        name, _, query = self.path.partition("?")
        socket.send(BackMsg(rerun_script=ClientState(query_string=query, page_name=name)).SerializeToString())
        while True:
            told = ForwardMsg()
            told.ParseFromString(bytes(socket.recv(timeout=ANSWER_TIMEOUT_S, decode=False)))
            if told.WhichOneof("type") == "script_finished":
                if told.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
                    return
                if told.script_finished == ForwardMsg.FINISHED_WITH_COMPILE_ERROR:
                    raise RuntimeError(f"the page {self.path} did not run")


class Viewers:
    """Several viewers at once, each in a thread of its own, their starts spread over one interval."""

    def __init__(self, url: str, paths: list[str], every_s: float) -> None:
        self._viewers = [Viewer(url, path) for path in paths]
        self._every_s = every_s
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Let them come."""
        for number, viewer in enumerate(self._viewers):
            delay_s = self._every_s * number / len(self._viewers)
            thread = threading.Thread(target=self._come, args=(viewer, delay_s), daemon=True)
            thread.start()
            self._threads.append(thread)

    def _come(self, viewer: Viewer, delay_s: float) -> None:
        if not self._over.wait(delay_s):
            viewer.watch(self._every_s, self._over)

    def stop(self) -> list[float]:
        """Let them go; returns the seconds of all runs of pages.

        Raises:
            RuntimeError: One of them saw nothing.
        """
        self._over.set()
        for thread in self._threads:
            thread.join(ANSWER_TIMEOUT_S)
        blind = [one.path for one in self._viewers if not one.took_s]
        if blind:
            raise RuntimeError(f"no page was run to its end: {', '.join(blind)}")
        return [took for one in self._viewers for took in one.took_s]
