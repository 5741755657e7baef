"""`python -m rootspan_store --data DIR --http HOST:PORT`: the embedded store in the foreground."""

import argparse
import sys
from typing import Any

from pydantic import ValidationError

from rootspan_store.embedded.server import serve
from rootspan_store.errors import StoreError
from rootspan_store.settings import StoreSettings


def main() -> int:
    """Run the store; return the exit status: 0 after a stop, 2 when it cannot start."""
    parser = argparse.ArgumentParser(prog="python -m rootspan_store", description=__doc__)
    parser.add_argument("--data", help="folder of the database (ROOTSPAN_STORE_DATA)")
    parser.add_argument("--http", help="HOST:PORT to listen on (ROOTSPAN_STORE_HTTP)")
    given: dict[str, Any] = {k: v for k, v in vars(parser.parse_args()).items() if v is not None}
    try:
        settings = StoreSettings(**given)
    except ValidationError as error:
        for problem in error.errors():
            where = ".".join(str(part) for part in problem["loc"])
            print(f"rootspan store: {where + ': ' if where else ''}{problem['msg']}", file=sys.stderr)
        return 2
    try:
        serve(settings, on_ready=lambda url: print(f"rootspan store ready at {url}", flush=True))
    except StoreError as error:
        print(f"rootspan store: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
