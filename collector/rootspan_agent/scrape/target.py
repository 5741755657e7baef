"""An endpoint to scrape, as people write it: `URL` or `NAME=URL`."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from rootspan_agent.errors import SettingsError

__all__ = ["Target", "target_of"]


@dataclass(frozen=True, slots=True)
class Target:
    """An endpoint.

    Attributes:
        name: Becomes `service.name`, as a Prometheus job's name does.
        url: http or https.
        instance: Becomes `service.instance.id`: host and port.
    """

    name: str
    url: str
    instance: str

    @property
    def is_here(self) -> bool:
        """Whether it is on this machine, so that what it tells is this machine's."""
        return urlsplit(self.url).hostname in ("localhost", "127.0.0.1", "::1")

    @property
    def host(self) -> str:
        """The host that the URL names."""
        return urlsplit(self.url).hostname or ""


def target_of(text: str) -> Target:
    """Read `[NAME=]URL`; without a path, the endpoint is /metrics.

    Raises:
        SettingsError: It is none.
    """
    name, equals, url = text.partition("=")
    if not equals or "/" in name:  # an equals sign of the URL's own
        name, url = "prometheus", text
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as err:
        raise SettingsError(f"--scrape {text!r}: {err}; write [NAME=]http://HOST:PORT/metrics") from err
    if parts.scheme not in ("http", "https") or not parts.hostname or not name:
        raise SettingsError(f"--scrape {text!r} is no address; write [NAME=]http://HOST:PORT/metrics")
    if parts.path in ("", "/"):
        url = parts._replace(path="/metrics").geturl()
    return Target(name, url, f"{parts.hostname}:{port}")
