"""`python -m rootspan_cli`: the `rootspan` command without its script, as `rootspan up` starts its parts."""

import sys

from rootspan_cli.entry import main

if __name__ == "__main__":
    sys.exit(main())
