"""The collector's errors: one class for each decision that a caller has to take."""

from __future__ import annotations

__all__ = [
    "CollectorError",
    "ConfigurationError",
    "LogCorrupt",
    "LogFilling",
    "LogFull",
    "LogLocked",
    "LogUnavailable",
    "MalformedRequest",
    "QuotaExceeded",
    "ResidencyViolated",
    "TakenElsewhere",
    "TooLarge",
    "Unauthenticated",
    "UnsupportedRequest",
]


class CollectorError(Exception):
    """Base of everything that the collector raises on purpose."""


class ConfigurationError(CollectorError):
    """The settings or the surroundings are wrong: a person has to change something before a retry."""


class LogLocked(ConfigurationError):  # noqa: N818 - named for what happened
    """Another process owns this write-ahead log folder."""


class LogCorrupt(ConfigurationError):  # noqa: N818 - named for what happened
    """The log folder holds something that this program must not guess about."""


class MalformedRequest(CollectorError):  # noqa: N818 - named for what happened
    """The bytes are no OTLP request; sending them again cannot help."""


class TooLarge(CollectorError):  # noqa: N818 - named for what happened
    """The request exceeds the limit of a message; it has to be sent in smaller ones."""


class UnsupportedRequest(CollectorError):  # noqa: N818 - named for what happened
    """The content type or encoding is none that is understood here."""


class Unauthenticated(CollectorError):  # noqa: N818 - named for what happened
    """Nobody known here sends this."""


class QuotaExceeded(CollectorError):  # noqa: N818 - named for what happened
    """The tenant sends more than it may.

    Attributes:
        retry_s: When it may send again.
    """

    def __init__(self, limit: str, retry_s: float) -> None:
        super().__init__(f"more than this tenant's {limit}; send less, or have the limit raised")
        self.retry_s = retry_s


class ResidencyViolated(CollectorError):  # noqa: N818 - named for what happened
    """A resource's data may be stored nowhere.

    Attributes:
        region: What it calls its region; empty if it names none, or several.
    """

    def __init__(self, region: str) -> None:
        which = f"region {region[:64]!r} has no store here" if region else "a resource names no one region"
        super().__init__(
            f"{which}, and its data is stored nowhere else: set cloud.region, or add it to the regions file"
        )
        self.region = region


class LogFilling(CollectorError):  # noqa: N818 - named for what happened
    """The log fills up, and what is left of it is kept for requests that are worth more."""

    def __init__(self, worth: str, used_ratio: float) -> None:
        super().__init__(
            f"log is {used_ratio:.0%} full: requests of {worth.lower()} worth are refused until the store "
            "catches up"
        )


class LogFull(CollectorError):  # noqa: N818 - named for what happened
    """The log has reached its limit; the sender should come back later.

    Attributes:
        size_bytes: What the log holds.
        limit_bytes: What it may hold.
    """

    def __init__(self, size_bytes: int, limit_bytes: int) -> None:
        super().__init__(
            f"log is full: {size_bytes / 1e9:.2f} GB of {limit_bytes / 1e9:.2f} GB; "
            "the store is not keeping up: check it, or raise ROOTSPAN_WAL_MAX_BYTES"
        )
        self.size_bytes = size_bytes
        self.limit_bytes = limit_bytes


class LogUnavailable(CollectorError):  # noqa: N818 - named for what happened
    """The disk refused a write or an fsync, or the collector is stopping: nothing was acknowledged; retry."""


class TakenElsewhere(LogUnavailable):
    """Another worker of this collector is making the same request durable, or died while it did."""

    def __init__(self) -> None:
        super().__init__(
            "the same request is in another worker's hands, and it is not known yet whether it is durable; "
            "nothing was acknowledged, send it again"
        )
