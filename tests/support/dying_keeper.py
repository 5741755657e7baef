"""A keeper that is killed (SIGKILL) before it takes a given step of its next window.

`python dying_keeper.py URL "copy otel_traces"`: exit status 0 if the window has no such step.
"""

import os
import signal
import sys

from rootspan_store.client import connect
from rootspan_store.keeping import Keeper
from rootspan_store.settings import RetentionSettings

URL, FATAL = sys.argv[1:]


def die_before(step: str) -> None:
    if step == FATAL:
        os.kill(os.getpid(), signal.SIGKILL)


settings = RetentionSettings(raw_days=1, ordinary_one_in=0, rare_traces=0)
Keeper(connect(URL), settings, holder="mortal", before=die_before).keep_next()
