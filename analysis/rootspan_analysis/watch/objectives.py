"""What is watched: kinds of objectives, those that a person set, and the file in which they are.

Owns the TOML's words and the defaults of the watcher. Reads a file only when told to.
"""

import fnmatch
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Final, Literal, TypeVar, cast

from rootspan_analysis.errors import AnalysisError
from rootspan_analysis.watch.incident import ObjectiveKind

__all__ = ["KINDS", "ConfigError", "Kind", "Objective", "Receiver", "WatchSettings", "load_settings"]

_Made = TypeVar("_Made")


class ConfigError(AnalysisError, ValueError):
    """The watcher's settings make no sense: change the file or the flag."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a kind of objective is about.

    Attributes:
        measure: Of which series (see `cells.Series`).
        quantile: 0-1, of durations; None: a rate.
        effect: Smallest factor over the usual that counts as a breach when nobody set a limit.
        least: Smallest difference that counts, in seconds or as a share.
        unit: As breaches tell it.
        words: As sentences tell it.
    """

    measure: str
    quantile: float | None
    effect: float
    least: float
    unit: str
    words: str


KINDS: Final[Mapping[ObjectiveKind, Kind]] = {
    # Factors: 1.1-1.5 are the smallest effects that engines of this sort can trust; the further out the
    # quantile, the more it moves by itself. Below a millisecond nobody notices.
    "latency_p50": Kind("requests", 0.5, 1.25, 0.001, "ms", "median latency"),
    "latency_p95": Kind("requests", 0.95, 1.3, 0.001, "ms", "95th percentile of latency"),
    "latency_p99": Kind("requests", 0.99, 1.5, 0.002, "ms", "99th percentile of latency"),
    "error_rate": Kind("requests", None, 2.0, 0.01, "ratio", "share of failed requests"),
    "time_to_first_token": Kind(
        "time_to_first_token", 0.95, 1.3, 0.005, "ms", "95th percentile of time to first token"
    ),
    "queue_wait": Kind("queue_wait", 0.95, 2.0, 0.005, "ms", "95th percentile of queue wait"),
    "step_time": Kind("steps", 0.5, 1.15, 0.001, "ms", "median step time"),
    "goodput": Kind("steps", None, 0.8, 0.0, "steps/s", "steps completed a second"),
}


@dataclass(frozen=True, slots=True)
class Objective:
    """A limit that a person set. `*` and `?` in the names stand for any text.

    Attributes:
        kind: What is limited.
        service, operation: Of which service; all by default.
        job: Of which training job; all by default.
        at_most: Largest value that is fine: milliseconds, for an error rate a share (0-1).
        at_least: Smallest one: steps a second, for goodput.
    """

    kind: ObjectiveKind
    service: str = "*"
    operation: str = "*"
    job: str = "*"
    at_most: float | None = None
    at_least: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ConfigError(f"objective of unknown kind {self.kind!r}; choose one of {', '.join(KINDS)}")
        wanted = "at_least" if self.kind == "goodput" else "at_most"
        limit = getattr(self, wanted)
        if not _is_number(limit) or not limit > 0:
            raise ConfigError(f"objective {self.kind} has {wanted} = {limit}; give a number above 0")
        if self.kind == "error_rate" and limit >= 1:
            raise ConfigError(f"objective error_rate has at_most = {limit}, a share; give less than 1")

    @property
    def limit(self) -> float:
        """In seconds, as a share, or in steps a second."""
        value = self.at_least if self.kind == "goodput" else self.at_most
        return float(value or 0.0) / (1e3 if KINDS[self.kind].unit == "ms" else 1.0)

    def covers(self, kind: str, service: str, operation: str, job: str) -> bool:
        """Whether a series is meant."""
        names = ((service, self.service), (operation, self.operation), (job, self.job))
        return kind == self.kind and all(fnmatch.fnmatchcase(name, pattern) for name, pattern in names)


@dataclass(frozen=True, slots=True)
class Receiver:
    """Whom to tell.

    Attributes:
        kind: `webhook` (one JSON object a message) or `alertmanager` (its API v2).
        url: Of the webhook, or Alertmanager's base URL.
        headers: Sent with each message, such as an authorization.
        name: In logs and in the record of what was told; the URL's host by default.
        link: Where a person looks an incident up; `{id}` stands for its id.
    """

    kind: Literal["webhook", "alertmanager"]
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    link: str = ""

    def __post_init__(self) -> None:
        if self.kind not in ("webhook", "alertmanager"):
            raise ConfigError(f"receiver of unknown kind {self.kind!r}; choose webhook or alertmanager")
        if not self.url.startswith(("http://", "https://")):
            raise ConfigError(f"receiver URL {self.url!r} is not http:// or https://")


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """How to watch.

    Attributes:
        every_s: Time between looks.
        quiet_s: An incident closes after so long without a breach.
        late_s: Telemetry that is later than this at a look is evaluated at the next ones.
        history_s: How far back the usual is taken from.
        automatic: Whether objectives are found from history where none is set.
        agree: Whether an objective found from history must convince the engine too before it opens an
            incident; without that it opens one after `insist_s`.
        insist_s: See `agree`.
        sweep_s: How often the engine is asked although no objective is missed; 0: never. Less often where
            its answers take long (5 % of the time at most).
        accept_s: An incident that stays open so long has become the usual, and closes.
        objectives: Set by a person; they win over what history says, and need no history.
        ignore: Series never to open an incident for: kind, service, operation and job of an objective.
        receivers: Whom to tell.
    """

    every_s: float = 5.0
    quiet_s: float = 120.0
    late_s: float = 2.0
    history_s: float = 3600.0
    automatic: bool = True
    agree: bool = True
    insist_s: float = 180.0
    sweep_s: float = 20.0
    accept_s: float = 6 * 3600.0
    objectives: tuple[Objective, ...] = ()
    ignore: tuple[Mapping[str, str], ...] = ()
    receivers: tuple[Receiver, ...] = ()

    def __post_init__(self) -> None:
        ranges: Mapping[str, tuple[float, float]] = {
            "every_s": (1, 300),
            "quiet_s": (10, 86_400),
            "late_s": (0, 600),
            "history_s": (600, 86_400),
            "insist_s": (0, 86_400),
            "sweep_s": (0, 86_400),
            "accept_s": (600, 30 * 86_400),
        }
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if not _is_number(value) or not low <= value <= high:
                raise ConfigError(
                    f"{name} is {value}, outside {low:g}-{high:g}; choose a value in that range"
                )

        if self.accept_s < self.history_s:
            raise ConfigError(
                f"accept_s is {self.accept_s}, less than history_s ({self.history_s}): what is taken would "
                "be a breach of the older usual at once; give accept_s at least that"
            )

    def limit_of(self, kind: str, service: str, operation: str, job: str) -> float | None:
        """The limit that a person set for a series, the first that covers it; None if nobody did."""
        return next((one.limit for one in self.objectives if one.covers(kind, service, operation, job)), None)

    def ignores(self, kind: str, service: str, operation: str, job: str) -> bool:
        """Whether a series is left alone."""
        given = {"kind": kind, "service": service, "operation": operation, "job": job}
        return any(
            all(fnmatch.fnmatchcase(given[name], pattern) for name, pattern in one.items())
            for one in self.ignore
        )


def load_settings(path: Path) -> WatchSettings:
    """Read a TOML file: `[watch]`, `[[objective]]`, `[[ignore]]` and `[[receiver]]` (docs/incidents.md).

    Raises:
        ConfigError: It is no TOML, or says something unknown or out of range.
        OSError: It cannot be read.
    """
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is no TOML: {error}") from error
    unknown = set(told) - {"watch", "objective", "ignore", "receiver"}
    if unknown:
        raise ConfigError(
            f"{path}: unknown part [{min(unknown)}]; known are watch, objective, ignore, receiver"
        )
    plain = _names(WatchSettings) - {"objectives", "ignore", "receivers"}
    watch = _table(told.get("watch", {}), plain, f"{path}: [watch]")
    try:
        return WatchSettings(
            **cast(dict[str, float], watch),  # type: ignore[arg-type]
            objectives=tuple(
                _made(Objective, one, _names(Objective), f"{path}: [[objective]]")
                for one in _tables(told.get("objective", []), f"{path}: [[objective]]")
            ),
            ignore=tuple(
                {
                    k: str(v)
                    for k, v in _table(
                        one, {"kind", "service", "operation", "job"}, f"{path}: [[ignore]]"
                    ).items()
                }
                for one in _tables(told.get("ignore", []), f"{path}: [[ignore]]")
            ),
            receivers=tuple(
                _made(Receiver, one, _names(Receiver), f"{path}: [[receiver]]")
                for one in _tables(told.get("receiver", []), f"{path}: [[receiver]]")
            ),
        )
    except TypeError as error:
        raise ConfigError(f"{path}: {error}") from error


def _made(of: Callable[..., _Made], told: object, known: set[str], where: str) -> _Made:
    return of(**_table(told, known, where))


def _is_number(value: object) -> bool:
    """A file may say anything."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _tables(told: object, where: str) -> list[object]:
    if not isinstance(told, list):
        raise ConfigError(f"{where} is {told!r}, not a list of tables")
    return told


def _names(of: type[Objective | Receiver | WatchSettings]) -> set[str]:
    return {one.name for one in fields(of)}


def _table(told: object, known: set[str], where: str) -> dict[str, object]:
    if not isinstance(told, dict):
        raise ConfigError(f"{where} is {told!r}, not a table")
    unknown = set(told) - known
    if unknown:
        raise ConfigError(f"{where}: unknown {min(unknown)}; known are {', '.join(sorted(known))}")
    return told
