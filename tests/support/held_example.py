"""An example without telemetry: a service of it, and a foreign program; tells their ids and waits."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from examples.harness.processes import Served, bound, hold_signals, serve_until_stopped


def main() -> None:
    if sys.argv[1:] == ["service"]:
        hold_signals()
        serve_until_stopped(lambda: (1, lambda: None))
        return
    service = Served("support.held_example", "service")
    service.wait_until_serving()
    with subprocess.Popen(bound(["sleep", "600"])) as foreign:
        told = Path(os.environ["HELD_IDS"])
        told.with_suffix(".new").write_text(f"{os.getpid()} {service.pid} {foreign.pid}")
        told.with_suffix(".new").rename(told)
        time.sleep(600)


if __name__ == "__main__":
    main()
