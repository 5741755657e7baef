"""Arguments and results as attributes: short, without secrets, and without calling into them.

Owns the limits and the redaction. A value that is no plain data is told by its type, shape and dtype: its
`repr` is never asked for, because printing a tensor waits for the GPU and printing an object may do anything.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from typing import Any

from rootspan import semconv
from rootspan.config.settings import AttributeValue

MAX_TEXT = 1024
"""Characters of one recorded value."""
MAX_ITEMS = 16
"""Entries of a container, on each level."""
MAX_DEPTH = 4
REDACTED = "[redacted]"

# As whole words: `token` is a secret, `tokens` and `max_tokens` are numbers that everybody wants to see.
_SECRET = re.compile(
    r"(?:^|[._-])(?:pass(?:word|wd|phrase)?|pwd|secret|token|auth(?:orization)?|bearer|cookie|credentials?"
    r"|api[_-]?key|access[_-]?key|private[_-]?key|session(?:[_-]?id)?|ssn|card[_-]?number)(?:$|[._-])",
    re.IGNORECASE,
)
_ARRAYS = frozenset({"torch", "numpy", "jax", "jaxlib", "cupy", "tensorflow", "pandas"})
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def is_secret(name: str, more: frozenset[str] = frozenset()) -> bool:
    """Whether values of this name are not to be seen: `api_key`, `accessToken`, `db.password`."""
    return name in more or _SECRET.search(_WORDS.sub("_", name)) is not None


_BRACKETS: Mapping[type, tuple[str, str]] = {list: ("[", "]"), tuple: ("(", ")")}


def render(value: object, secret: frozenset[str] = frozenset()) -> AttributeValue:
    """A value as an attribute: numbers and text as they are, the rest as bounded text.

    Never raises and never runs code of the value.
    """
    kind = type(value)
    if kind is bool or kind is float:
        return value  # type: ignore[return-value]
    if kind is int:
        return value if -(1 << 63) <= value < 1 << 63 else str(value)  # type: ignore[operator, return-value]
    if kind is str:
        return _cut(value)  # type: ignore[arg-type]
    return _cut(_show(value, secret, MAX_DEPTH))


def _show(value: object, secret: frozenset[str], depth: int) -> str:
    kind = type(value)
    if value is None or kind in (bool, int, float):
        shown = repr(value)
    elif isinstance(value, str):
        shown = repr(str(value[:MAX_TEXT]))
    elif isinstance(value, (bytes, bytearray, memoryview)):
        shown = f"{kind.__name__}({len(value)} bytes)"
    elif depth == 0:
        shown = _described(value)
    elif kind is dict:
        shown = _pairs("{", value.items(), "}", secret, depth)  # type: ignore[attr-defined]
    elif kind in (list, tuple, set, frozenset):
        shown = _items(value, secret, depth)  # type: ignore[arg-type]
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        # Fields straight from where they lie: a property or __getattr__ is code.
        held = getattr(value, "__dict__", {})
        fields = [(field.name, held[field.name]) for field in dataclasses.fields(value) if field.name in held]
        shown = _pairs(f"{kind.__qualname__}(", fields, ")", secret, depth)
    else:
        shown = _described(value)
    return shown


def _described(value: object) -> str:
    kind = type(value)
    name = f"{kind.__module__}.{kind.__qualname__}"
    if kind.__module__.partition(".")[0] in _ARRAYS:
        shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
        if shape is not None:
            return f"{name}(shape={tuple(shape)}{f', dtype={dtype}' if dtype is not None else ''})"
    return f"<{name}>"


def _items(values: Sequence[object] | Set[object], secret: frozenset[str], depth: int) -> str:
    shown: list[str] = []
    for item in values:
        if len(shown) == MAX_ITEMS:
            shown.append(f"… {len(values) - MAX_ITEMS} more")
            break
        shown.append(_show(item, secret, depth - 1))
    begin, end = _BRACKETS.get(type(values), ("{", "}"))
    return f"{begin}{', '.join(shown)}{end}"


def _pairs(
    begin: str, pairs: Iterable[tuple[object, object]], end: str, secret: frozenset[str], depth: int
) -> str:
    shown: list[str] = []
    for key, item in pairs:
        if len(shown) == MAX_ITEMS:
            shown.append("…")
            break
        hidden = type(key) is str and is_secret(key, secret)
        key_text = _show(key, secret, 0)
        shown.append(f"{key_text}: {REDACTED if hidden else _show(item, secret, depth - 1)}")
    return f"{begin}{', '.join(shown)}{end}"


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1]}…"


class Recorder:
    """Turns a call's arguments into attributes. Made once for a function."""

    __slots__ = ("_names", "_secret", "_signature")

    def __init__(
        self, function: Callable[..., Any], names: Sequence[str] | None, redact: Iterable[str]
    ) -> None:
        """Read the signature.

        Args:
            function: What is called.
            names: The parameters to record; None records all but `self` and `cls`.
            redact: Parameters and keys to hide beside those that sound secret.

        Raises:
            ValueError: The function has no such parameter, or its signature cannot be read.
        """
        self._signature = inspect.signature(function)
        self._secret = frozenset(redact)
        parameters = list(self._signature.parameters)
        for name in names or ():
            if name not in parameters:
                known = ", ".join(parameters) or "none"
                raise ValueError(f"arguments names {name!r}: {function!r} has {known}")
        if names is None:
            names = parameters[1:] if parameters[:1] in (["self"], ["cls"]) else parameters
        self._names = frozenset(names)

    def __call__(self, args: tuple[object, ...], kwargs: Mapping[str, object]) -> dict[str, AttributeValue]:
        """The attributes of one call; empty where the call does not fit, which it will say itself."""
        try:
            bound = self._signature.bind(*args, **kwargs)
        except TypeError:
            return {}
        return {
            f"{semconv.ARGUMENT_PREFIX}{name}": (
                REDACTED if is_secret(name, self._secret) else render(value, self._secret)
            )
            for name, value in bound.arguments.items()
            if name in self._names
        }

    def result(self, value: object) -> AttributeValue:
        """What the call returned."""
        return render(value, self._secret)
