"""One question to several stores: regions whose data must not leave them each answer for themselves.

    --store eu=https://clickhouse.eu.example:8443/otel,us=https://clickhouse.us.example:8443/otel

Stores are asked one after the other, and no rows of one are sent to another. What is merged is answers.
"""

import re
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, TypeVar

from rootspan_cli.errors import BadAnswer, WrongUse, words_of
from rootspan_cli.output import note

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

    from rootspan_store.client import StoreUrl

__all__ = ["ALONE", "ask_each", "named_stores"]

ALONE = ""
"""The name of a store that was given without one."""
_NAMED = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9_.-]*)=(?P<url>https?://.*)", re.DOTALL)
_NEXT = re.compile(r",(?=\s*[A-Za-z0-9][A-Za-z0-9_.-]*=https?://)")
_Answer = TypeVar("_Answer")


def named_stores(text: str) -> dict[str, "StoreUrl"]:
    """Return the stores of `--store` by name; one store under `ALONE` if it is a plain URL.

    Raises:
        WrongUse: A name is there twice.
        StoreConfigError: A URL is malformed.
    """
    from rootspan_store.client import StoreUrl

    if _NAMED.fullmatch(text.strip()) is None:
        return {ALONE: StoreUrl.parse(text)}
    stores: dict[str, StoreUrl] = {}
    for part in _NEXT.split(text):
        found = _NAMED.fullmatch(part.strip())
        # The pattern of the separator leaves nothing else.
        name, url = (found["name"], found["url"]) if found is not None else (ALONE, part)
        if name in stores:
            raise WrongUse(f"--store names {name} twice; give each store a name of its own")
        stores[name] = StoreUrl.parse(url)
    return stores


def ask_each(
    stores: Mapping[str, "StoreUrl"], ask: Callable[["Client"], _Answer]
) -> tuple[dict[str, _Answer], BadAnswer | None]:
    """Ask every store over a connection of its own; one that does not answer leaves the others their say.

    Returns:
        Answers by name, and the error to end with if one is missing.

    Raises:
        StoreError: The only store, or every one, did not answer.
    """
    from rootspan_store.client import connect, store_errors
    from rootspan_store.errors import StoreError

    answers: dict[str, _Answer] = {}
    failures: dict[str, StoreError] = {}
    for name, url in stores.items():
        try:
            with closing(connect(url)) as client, store_errors(url):
                answers[name] = ask(client)
        except StoreError as error:
            failures[name] = error
    if failures and not answers:
        raise next(iter(failures.values()))
    for name, failure in failures.items():
        note(f"{name} is not in the answer: {words_of(failure)}")
    return answers, BadAnswer(f"no answer from {', '.join(failures)}") if failures else None
