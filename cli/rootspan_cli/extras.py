"""What has to be installed for a command: turns a missing package into the words that install it.

The base install carries the SDK alone, so every import of another part goes through `needing`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from rootspan_cli.errors import WrongUse

__all__ = ["hint", "needing"]


def hint(extra: str, missing: str) -> str:
    """One line that says what is missing and how to install it."""
    return f"this needs the package {missing!r}, which is not installed; run: pip install 'rootspan[{extra}]'"


@contextmanager
def needing(extra: str, *packages: str) -> Iterator[None]:
    """Around imports of a part that comes with `extra`.

    Args:
        extra: The extra to name.
        packages: What the part imports only when it works, so that it is missed now and not then.

    Raises:
        WrongUse: A package of that extra is not installed. Defects (a module of ours that is not there) pass.
    """
    try:
        for package in packages:
            if find_spec(package) is None:
                raise ModuleNotFoundError(f"No module named {package!r}", name=package)
        yield
    except ModuleNotFoundError as err:
        missing = (err.name or "").partition(".")[0]
        if not missing or missing.startswith("rootspan"):
            raise
        raise WrongUse(hint(extra, missing)) from err
