"""`python -m bench.fuzz`: coverage-guided fuzzing (atheris) of what strangers' bytes reach first.

    pip install atheris
    python -m bench.fuzz --seconds 300             # every target in turn, each in a process of its own
    python -m bench.fuzz --target log --seconds 60

A target fails by an exception that nobody expects, by ten seconds without an end, by 2 GB of memory, or by
what `bench/fuzz_targets.py` asserts of it. The input that did it is kept in the folder (--keep), and exit
status is 1.
What `hypothesis` checks in tests/ holds here too; this goes deeper, and runs for as long as it is let.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from importlib import util
from pathlib import Path

__all__ = ["main"]

_NAMES = ("receiver", "json", "body", "log", "recovery", "statement", "store")
_INPUT_TIMEOUT_S = 10
_MEMORY_MB = 2048
_LONGEST_BYTES = 4096


def _run_target(name: str, seconds: int, keep: Path) -> bool:
    """Run one target in a process of its own; return whether it held."""
    corpus = keep / name
    corpus.mkdir(parents=True, exist_ok=True)
    flags = [
        f"-max_total_time={seconds}",
        f"-timeout={_INPUT_TIMEOUT_S}",
        f"-rss_limit_mb={_MEMORY_MB}",
        f"-max_len={_LONGEST_BYTES}",
        f"-artifact_prefix={keep}/{name}-failed-",
        "-print_final_stats=1",
    ]
    print(f"{name}: {seconds} s", flush=True)
    command = [sys.executable, "-m", "bench.fuzz_targets", name, str(corpus), *flags]
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds + 300,
        check=False,
    )
    kept = [line for line in done.stdout.splitlines() if "number_of_executed_units" in line or "DONE" in line]
    print("\n".join(kept) if done.returncode == 0 else done.stdout[-6000:], flush=True)
    return done.returncode == 0


def main() -> int:
    """Fuzz; return 1 if a target failed."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--target", choices=_NAMES, action="append", help="default: all")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--keep", type=Path, help="folder for inputs that were found; default: thrown away")
    arguments = parser.parse_args()
    if util.find_spec("atheris") is None:
        print("atheris is not installed: pip install atheris", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="rootspan-fuzz-") as folder:
        keep = (arguments.keep or Path(folder)).resolve()
        failed = [
            name for name in arguments.target or _NAMES if not _run_target(name, arguments.seconds, keep)
        ]
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
