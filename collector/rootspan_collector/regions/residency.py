"""The file of regions: which store each region's data goes to. Read once, at the start.

    strict = true                             # data of no region, or of one not named here, is refused
    [stores.eu]
    url = "https://collector:secret@clickhouse.eu.example:8443/otel"
    regions = ["eu-west-1", "eu-central-1"]   # values of the resource attribute cloud.region

With `strict = false` such data goes to the store of ROOTSPAN_STORE; data of a named region never does.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rootspan_collector.errors import ConfigurationError
from rootspan_store.client import StoreUrl
from rootspan_store.errors import StoreConfigError

__all__ = ["Residency"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True)
class Residency:
    """Where data may live.

    Attributes:
        stores: The stores, by name.
        store_of: Name of the store, by region.
        strict: Whether data of any other region is refused; if not, it goes to the collector's own store.
    """

    stores: Mapping[str, StoreUrl]
    store_of: Mapping[str, str]
    strict: bool

    @classmethod
    def read(cls, path: Path) -> Residency:
        """Read the file.

        Raises:
            ConfigurationError: It cannot be read or understood; the message says what to change.
        """
        try:
            content = tomllib.loads(path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as err:
            raise ConfigurationError(f"regions file {path} cannot be read: {err}") from err
        tables, strict = content.get("stores"), content.get("strict", True)
        if not isinstance(tables, dict) or not tables or content.keys() - {"stores", "strict"}:
            raise ConfigurationError(f"{path}: expected strict and tables [stores.NAME], nothing else")
        if not isinstance(strict, bool):
            raise ConfigurationError(f"{path}: strict is {strict!r}, not true or false")
        stores: dict[str, StoreUrl] = {}
        store_of: dict[str, str] = {}
        for name, fields in tables.items():
            stores[name] = _url(path, name, fields)
            for region in _regions(path, name, fields):
                if store_of.setdefault(region, name) != name:
                    raise ConfigurationError(
                        f"{path}: region {region} is of both {store_of[region]} and {name}; choose one store"
                    )
        return cls(stores, store_of, strict)


def _url(path: Path, name: str, fields: object) -> StoreUrl:
    if not _NAME.fullmatch(name):
        raise ConfigurationError(f"{path}: store {name!r} is not {_NAME.pattern}; it names a folder, too")
    if not isinstance(fields, dict) or fields.keys() != {"url", "regions"}:
        raise ConfigurationError(f"{path}: {name}: expected url and regions")
    try:
        return StoreUrl.parse(str(fields["url"]))
    except StoreConfigError as err:
        raise ConfigurationError(f"{path}: {name}: {err}") from err


def _regions(path: Path, name: str, fields: Mapping[str, object]) -> list[str]:
    found = fields["regions"]
    if not isinstance(found, list) or not found or not all(isinstance(one, str) and one for one in found):
        raise ConfigurationError(f"{path}: {name}: regions is not a list of names")
    return found
