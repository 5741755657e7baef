"""What the SDK may raise, and only from `init()`: everything after it is told in a log line instead.

Owns the error tree; a subclass stands for a decision of the caller.
"""


class RootspanError(Exception):
    """Base of everything the SDK raises."""


class ConfigurationError(RootspanError, ValueError):
    """An argument of `init()` cannot be used; the message names it, its value, the limit and the fix."""


class MissingExtraError(ConfigurationError):
    """An instrumentation was asked for whose package is not installed.

    Attributes:
        extra: The extra to install, as in `pip install 'rootspan[extra]'`.
    """

    def __init__(self, message: str, *, extra: str) -> None:
        super().__init__(message)
        self.extra = extra
