"""A rank without torch and telemetry: leaves a file of its id that holds its parent's, and waits."""

from __future__ import annotations

import os
import time
from pathlib import Path

if __name__ == "__main__":
    told = Path(os.environ["HELD_IDS"]) / str(os.getpid())
    told.with_name(f".{told.name}").write_text(str(os.getppid()))
    told.with_name(f".{told.name}").rename(told)
    time.sleep(600)
