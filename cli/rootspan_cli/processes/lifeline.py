"""Ends a part when the process that started it is gone, however that went: no orphan survives even SIGKILL.

The parent keeps the writing end of the part's standard input and never writes. The kernel closes it when the
parent dies, and the part reads the end of file. Works on every POSIX system and survives changes of thread,
which Linux' PR_SET_PDEATHSIG does not (it fires when the *thread* that forked ends).
"""

import os
import signal
import threading
import time
from typing import Final

__all__ = ["LIFELINE_ENV", "hold"]

LIFELINE_ENV: Final = "ROOTSPAN_LIFELINE"
"""Set by the parent: standard input is a lifeline."""
_GRACE_S: Final = 20.0
"""Time to end by oneself before SIGKILL: more than a collector's own grace of 10 s."""


def hold() -> None:
    """Watch the parent from a thread, if the parent asked for it. To be called once, early."""
    if os.environ.pop(LIFELINE_ENV, None) is not None:
        threading.Thread(target=_watch, name="lifeline", daemon=True).start()


def _watch() -> None:
    while os.read(0, 64):
        pass
    group = os.getpgid(0)
    # A part leads a group of its own; anything else must not be signalled as a group.
    send = os.killpg if group == os.getpid() else os.kill
    send(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE_S)
    send(os.getpid(), signal.SIGKILL)
