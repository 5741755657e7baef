"""One module a command: its flags, its help, and the call of the part that does the work.

Each module `x` has a function `x` and an `EPILOG` of examples, and imports the parts inside the function.
Where `x` is a word of Python's, both have an underscore behind it.
"""

from collections.abc import Mapping
from types import ModuleType
from typing import Final

from rootspan_cli.commands import (
    agent,
    change,
    collector,
    cost,
    dashboard,
    demo,
    doctor,
    import_,
    mcp,
    migrate,
    quarantine,
    replay,
    retain,
    sql,
    store,
    up,
    watch,
    why,
)

__all__ = ["PANELS"]

PANELS: Final[Mapping[str, tuple[ModuleType, ...]]] = {
    "Start here": (demo, up),
    "Ask": (why, watch, cost, doctor, sql, mcp),
    "Feed": (agent, change, import_, replay, quarantine),
    "Parts, each a process": (store, collector, dashboard, migrate, retain),
}
"""Commands by the heading under which help lists them."""
