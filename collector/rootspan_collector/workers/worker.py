"""`python -m rootspan_collector.workers.worker`: one worker process, started by the supervisor.

Over stdin it is told who it is and its settings, a line of JSON; then to go on; then, by the end of the
stream, to stop: also when the supervisor is killed. Over stdout it says, a line of JSON each, that its
log is recovered, what is wrong, and that it listens.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
from pathlib import Path

from rootspan_collector.errors import ConfigurationError
from rootspan_collector.heap import keep_heap_small
from rootspan_collector.open_files import allow_many_open_files
from rootspan_collector.server import Collector
from rootspan_collector.settings import load_settings
from rootspan_collector.stop_signal import catching_stop_signals
from rootspan_collector.workers.crew import Crew

__all__ = ["main"]


def _say(**said: object) -> None:
    print(json.dumps(said), flush=True)


def _stop_at_end_of_input() -> None:
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> int:
    """Run until told to stop; 0 after a graceful stop, 2 when the settings or the surroundings are wrong."""
    line = sys.stdin.readline()
    if not line:
        return 0
    told = json.loads(line)
    number, total = int(told["number"]), int(told["total"])
    logging.basicConfig(
        level=logging.INFO, format=f"%(asctime)s %(levelname)s worker {number} %(name)s: %(message)s"
    )
    keep_heap_small()
    allow_many_open_files()
    try:
        settings = load_settings(**told["settings"])
        collector = Collector(settings, Crew(Path(settings.collector_wal), number, total))
    except ConfigurationError as err:
        _say(error=str(err))
        return 2
    with catching_stop_signals() as stop_signal:
        _say(recovered=True)
        if not sys.stdin.readline():
            return 0
        collector.start()
        threading.Thread(target=_stop_at_end_of_input, name="lifeline", daemon=True).start()
        _say(ready=True)
        stop_signal.wait()
        collector.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
