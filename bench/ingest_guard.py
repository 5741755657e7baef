"""`python -m bench.ingest_guard`: a short `bench.ingest` for CI; status 1 if the way in became much dearer.

Compared are CPU-seconds with those of a Python loop over the same spans in the same run, so that neither a
slow machine nor a busy one matters much. What is left of noise is met by wide limits and a second try.
"""

from __future__ import annotations

import argparse
import sys

from bench.ingest import measure

_SECONDS = 2.0
_TRIES = 2
# Measured on two cores, quiet and with a load of 16 beside it: gateway 5.1-6.4, end to end 0.76-0.85 (ten
# seconds; a short run pays more for the fixed cost of each insert). A limit is hit when the cost doubles.
_LEAST = {"gateway_ratio_to_python_loop": 2.8, "ratio_to_python_loop": 0.35}


def main() -> int:
    """Measure, print, judge."""
    argparse.ArgumentParser(prog="python -m bench.ingest_guard", description=__doc__).parse_args()
    for number in range(1, _TRIES + 1):
        found = measure(_SECONDS)
        slow = {name: least for name, least in _LEAST.items() if float(str(found[name])) < least}
        for name, least in _LEAST.items():
            print(f"{name:<32} {found[name]} (at least {least}; try {number})", flush=True)
        if not slow:
            return 0
    print("the way in costs about twice what it did: python -m bench.ingest says where", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
