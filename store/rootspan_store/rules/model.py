"""What a rule may say: typed, bounded, validated before anything is asked of a store.

A rule names its action, the items it is about (`when`), and what the action needs. Items are spans, log
records and metric points.
"""

from typing import Annotated, Literal

import re2
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from rootspan_store.ingest import Signal

__all__ = [
    "AttributeRule",
    "Drop",
    "Hash",
    "Place",
    "Redact",
    "Remove",
    "Rename",
    "Rule",
    "RuleSet",
    "Sample",
    "When",
]

Place = Literal["attributes", "resource", "scope", "events", "text"]
_PLACES: tuple[Place, ...] = ("attributes", "resource", "scope", "events", "text")
_LEAST_KEY_CHARS = 16
_MOST_RULES = 200
_STAND_IN = SecretStr("ROOTSPAN_RULES_KEY stands here")

Text = Annotated[str, Field(min_length=1, max_length=4096)]


def _is_re2(pattern: str) -> str:
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(pattern, options)
    except re2.error as error:
        said = error.args[0] if error.args else "it cannot be read"
        words = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
        raise ValueError(
            f"{pattern!r} is no regular expression of RE2: {words}; see https://github.com/google/re2/wiki/Syntax"
        ) from None
    return pattern


def _matches_something(pattern: str) -> str:
    if re2.compile(pattern).search("") is not None:
        raise ValueError(
            f"{pattern!r} matches empty text, so its replacement would go between all letters; "
            "ask for at least one letter, such as [0-9]+ for [0-9]*"
        )
    return pattern


Pattern = Annotated[Text, AfterValidator(_is_re2)]
FindPattern = Annotated[Pattern, AfterValidator(_matches_something)]
Values = Annotated[tuple[str, ...], Field(min_length=1, max_length=1000)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _as_list(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class When(_Strict):
    """Which items a rule is about: those to which everything given here applies. Nothing given: all.

    It looks at an item as it came, whatever other rules do to it.
    """

    tenant: Values | None = Field(default=None, description="One of these tenants (a text or a list)")
    service: Values | None = Field(default=None, description="One of these values of service.name")
    service_matches: Pattern | None = Field(default=None, description="RE2 found in service.name")
    name: Values | None = Field(
        default=None, description="One of these span names, metric names, or event names of log records"
    )
    name_matches: Pattern | None = Field(default=None, description="RE2 found in that name")
    attributes: dict[Text, Values] = Field(
        default={},
        description="Each named attribute, of the item or else of its resource, has one of these values",
    )
    attributes_match: dict[Text, Pattern] = Field(
        default={}, description="RE2 found in the value of each named attribute, of the item or its resource"
    )
    has: tuple[Text, ...] = Field(
        default=(), description="The item or its resource has each of these attributes"
    )

    @field_validator("tenant", "service", "name", "has", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return _as_list(value)

    @field_validator("attributes", mode="before")
    @classmethod
    def _each_one_or_many(cls, value: object) -> object:
        return {key: _as_list(one) for key, one in value.items()} if isinstance(value, dict) else value

    @property
    def is_everything(self) -> bool:
        """Whether it excludes nothing."""
        return self == When()


class _Rule(_Strict):
    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9_.-]{0,62}$",
        description="What `rootspan doctor` calls it: lower-case letters, digits, dot, dash, underscore",
    )
    signals: tuple[Signal, ...] = Field(
        default=tuple(Signal), min_length=1, description="traces, logs, metrics; all by default"
    )
    when: When = When()


class AttributeRule(_Rule):
    """Base of what changes items and leaves out none."""

    within: tuple[Place, ...] = Field(
        default=_PLACES,
        min_length=1,
        description=(
            "Where to look: attributes (of spans, records, points), resource, scope, events (with links and "
            "exemplars), text (log bodies, span names, status messages; patterns alone look there)"
        ),
    )


class _Keys(AttributeRule):
    keys: tuple[Text, ...] = Field(default=(), description="Attributes by name")
    keys_match: Pattern | None = Field(default=None, description="RE2 found in the names of attributes")

    @field_validator("keys", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return _as_list(value)

    @property
    def names_keys(self) -> bool:
        """Whether it is about some attributes, not all."""
        return bool(self.keys) or self.keys_match is not None


class Redact(_Keys):
    """Puts a fixed text in the place of values, or of what a pattern finds in them."""

    action: Literal["redact"]
    pattern: FindPattern | None = Field(
        default=None,
        description=(
            "RE2: only what it finds is replaced. Without keys it looks at every value and every text"
        ),
    )
    replacement: str = Field(default="[redacted]", max_length=4096, description="Taken literally")

    @model_validator(mode="after")
    def _knows_what(self) -> "Redact":
        if not self.names_keys and self.pattern is None:
            raise ValueError("a redact rule needs keys, keys_match or pattern")
        return self


class Hash(_Keys):
    """Puts a keyed hash (HMAC-SHA-256, first 128 bits in hex) in the place of values: equal stays equal."""

    action: Literal["hash"]
    salt: str = Field(
        default="", max_length=256, description="Hashes under different salts cannot be compared"
    )

    @model_validator(mode="after")
    def _knows_what(self) -> "Hash":
        if not self.names_keys:
            raise ValueError("a hash rule needs keys or keys_match")
        return self


class Remove(_Keys):
    """Takes attributes away."""

    action: Literal["remove"]

    @model_validator(mode="after")
    def _knows_what(self) -> "Remove":
        if not self.names_keys:
            raise ValueError("a remove rule needs keys or keys_match; to leave out whole items use drop")
        return self


class Rename(AttributeRule):
    """Gives attributes other names; one whose new name is taken already keeps its old one."""

    action: Literal["rename"]
    keys: dict[Text, Text] = Field(min_length=1, description="New names by old names")

    @model_validator(mode="after")
    def _is_one_to_one(self) -> "Rename":
        if len(set(self.keys.values())) < len(self.keys) or set(self.keys) & set(self.keys.values()):
            raise ValueError("a rename rule's names must all differ; use two rules to rename in a chain")
        return self


class Drop(_Rule):
    """Leaves out whole items; they are counted by rule."""

    action: Literal["drop"]

    @model_validator(mode="after")
    def _is_not_everything(self) -> "Drop":
        if self.when.is_everything:
            raise ValueError("a drop rule needs `when`; without it nothing would be stored")
        return self


class Sample(_Rule):
    """Keeps a share of the traces, and weights what it keeps so that rates stay right.

    A trace's id decides, so all its spans under one ratio share their fate. Of several rules that an item
    matches the first decides.
    """

    action: Literal["sample"]
    signals: tuple[Literal[Signal.TRACES], ...] = (Signal.TRACES,)
    ratio: float = Field(gt=0, lt=1, description="Share that is kept, between 0 and 1; for 0 use drop")


Rule = Annotated[Redact | Hash | Remove | Rename | Drop | Sample, Field(discriminator="action")]


class RuleSet(_Strict):
    """All rules in order, and the key of those that hash."""

    rules: tuple[Rule, ...] = Field(default=(), max_length=_MOST_RULES, description="Rules, in order")
    rules_key: SecretStr | None = Field(
        default=None, description="Key of hash rules, at least 16 characters, kept secret"
    )

    @model_validator(mode="after")
    def _fits_together(self) -> "RuleSet":
        check_rules(self.rules, self.rules_key)
        return self

    def without_key(self) -> "RuleSet":
        """Return the same with a stand-in for the key: to be shown, not to be run."""
        return RuleSet(rules=self.rules, rules_key=_STAND_IN) if self.rules_key is not None else self


def check_rules(rules: tuple[Rule, ...], key: SecretStr | None) -> None:
    """Check what single rules cannot know.

    Raises:
        ValueError: A name is there twice, or a hash rule has no key or a short one.
    """
    names = [rule.name for rule in rules]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"rules share the name {twice[0]!r}; each needs its own")
    if any(isinstance(rule, Hash) for rule in rules) and key is None:
        raise ValueError("a hash rule needs rules_key (ROOTSPAN_RULES_KEY): a secret of 16 or more letters")
    if key is not None and len(key.get_secret_value()) < _LEAST_KEY_CHARS:
        raise ValueError(
            f"rules_key has {len(key.get_secret_value())} characters, fewer than {_LEAST_KEY_CHARS}: "
            "whoever guesses it can test values against hashes"
        )
