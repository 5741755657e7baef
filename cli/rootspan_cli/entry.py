"""The `rootspan` script: works, if only to say what is missing, with nothing but the SDK installed."""

import sys
from collections.abc import Sequence

from rootspan_cli.extras import hint
from rootspan_cli.processes.lifeline import hold

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line (default: this process's own). Returns the exit status."""
    # First of all: a part whose parent dies while it imports must end too.
    hold()
    try:
        from rootspan_cli.app import run
    except ModuleNotFoundError as err:
        missing = (err.name or "").partition(".")[0]
        if missing not in ("typer", "rich"):
            raise
        print(f"rootspan: {hint('all', missing)}", file=sys.stderr)
        return 2
    return run(sys.argv[1:] if arguments is None else arguments)
