"""Where a command's words go: answers to stdout, progress to stderr and only if a person is watching."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["note", "print_json", "terminal", "working"]


def terminal() -> "Console":
    """The console for answers. On a pipe: plain text, 100 columns wide."""
    from rich.console import Console

    return Console(highlight=False, width=None if sys.stdout.isatty() else 100)


def print_json(content: Mapping[str, object]) -> None:
    """One object on stdout."""
    print(json.dumps(content, ensure_ascii=False))


def note(text: str) -> None:
    """One line on stderr, for a person or a log."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def working(text: str) -> Iterator[Callable[[str], None]]:
    """A sign of life on stderr while it lasts, if a terminal is there. Yields what changes its text."""
    if not sys.stderr.isatty():
        yield lambda _text: None
        return
    from rich.console import Console

    with Console(stderr=True, highlight=False).status(text) as status:
        yield status.update
