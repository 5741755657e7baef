"""Runs the watcher's own `.sql` files."""

from collections.abc import Mapping
from typing import Final

import pyarrow as pa

from rootspan_analysis import rows
from rootspan_analysis.reader import Reader, Value

__all__ = ["run"]

_PACKAGE: Final = "rootspan_analysis.watch"


def run(client: Reader, name: str, parameters: Mapping[str, Value]) -> pa.Table:
    """Answer of `sql/NAME.sql`.

    Raises:
        StoreError: The store refused the query, gave up or is not there.
    """
    return rows.run(client, _PACKAGE, name, parameters)
