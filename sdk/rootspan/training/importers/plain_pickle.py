"""Loads pickles of plain values. A pickle is a program; this runs none of it.

Whatever would import a class or a function is refused, and without one a pickle builds containers, numbers
and texts only.
"""

from __future__ import annotations

import io
import pickle

from rootspan.training.importers.records import ImportFailedError


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> type:
        raise pickle.UnpicklingError(f"it names {module}.{name}")

    def persistent_load(self, pid: object) -> object:
        raise pickle.UnpicklingError("it names an object outside of it")


def load_plain(data: bytes, name: str) -> object:
    """The value that a pickle holds.

    Raises:
        ImportFailedError: It holds more than plain values, or is no pickle. Nothing of it was run.
    """
    try:
        return _PlainUnpickler(io.BytesIO(data)).load()
    except MemoryError as err:
        raise ImportFailedError(f"{name} claims to hold more than fits into memory; not read") from err
    except Exception as err:
        raise ImportFailedError(f"{name} is no pickle of plain values: {err}; not read") from err
