"""Reads rules from a TOML file: the collector's, or one that holds nothing but them."""

import os
import tomllib
from pathlib import Path

from pydantic import ValidationError

from rootspan_store.errors import StoreConfigError
from rootspan_store.rules.model import RuleSet

__all__ = ["load_rules"]


def load_rules(path: Path) -> RuleSet:
    """Read `[[rules]]` and `rules_key`; ROOTSPAN_RULES_KEY wins over the latter. The rest is left alone.

    Raises:
        StoreConfigError: The file cannot be read or is no TOML, or a rule is not right: one line a fault.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as err:
        raise StoreConfigError(f"rules file {path}: {err}; give a TOML file with [[rules]]") from err
    given = {name: content[name] for name in ("rules", "rules_key") if name in content}
    if "ROOTSPAN_RULES_KEY" in os.environ:
        given["rules_key"] = os.environ["ROOTSPAN_RULES_KEY"]
    if "rules" not in given:
        raise StoreConfigError(f"rules file {path} has no [[rules]]; write `rules = []` if there are none")
    try:
        return RuleSet.model_validate(given)
    except ValidationError as err:
        faults = (f"{'.'.join(map(str, fault['loc'])) or 'rules'}: {fault['msg']}" for fault in err.errors())
        raise StoreConfigError(f"rules file {path}: {'; '.join(faults)}") from err
