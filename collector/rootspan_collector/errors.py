"""The collector's errors: one class for each decision that a caller has to take."""

from __future__ import annotations

__all__ = [
    "CollectorError",
    "ConfigurationError",
    "LogCorrupt",
    "LogFull",
    "LogLocked",
    "LogUnavailable",
    "MalformedRequest",
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
