"""The demo's errors, drawn as a tree: one base, one subclass for each decision a caller can take."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rootspan_demo.send import SendReport

__all__ = ["ConfigError", "DeliveryError", "DemoError", "PackError"]


class DemoError(Exception):
    """Base of everything that the demo raises on purpose."""


class ConfigError(DemoError, ValueError):
    """A setting of the fleet is out of range: fix the setting."""


class PackError(DemoError):
    """A pack's file is missing, cut short or corrupt: fetch or build the pack again.

    Attributes:
        path: The file at fault.
        offset: Bytes of the unpacked stream that were read before the fault, or None if that has no meaning.
    """

    def __init__(self, message: str, *, path: str, offset: int | None = None) -> None:
        super().__init__(message)
        self.path = path
        self.offset = offset


class DeliveryError(DemoError):
    """The collector did not take a request before the deadline, or refused it for good.

    Attributes:
        code: The gRPC status code's name.
        permanent: True where sending the same bytes again cannot help.
        report: What was counted until then, where `rootspan_demo.send.send` raised it.
    """

    report: "SendReport | None" = None

    def __init__(self, message: str, *, code: str, permanent: bool) -> None:
        super().__init__(message)
        self.code = code
        self.permanent = permanent
