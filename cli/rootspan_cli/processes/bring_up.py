"""Brings an installation up: each part in order, the schema in between.

Owns the order of a start. Stopping and restarting is the supervisor's.
"""

from collections.abc import Callable

from rootspan_cli.extras import needing
from rootspan_cli.processes.installation import Credentials, Installation
from rootspan_cli.processes.supervisor import Supervisor

__all__ = ["bring_up", "store_credentials"]


def store_credentials() -> Credentials | None:
    """User and password that the store's own variables set; None: the store asks for none."""
    with needing("store", "chdb", "clickhouse_connect"):
        from rootspan_store.settings import StoreSettings
    settings = StoreSettings()
    if settings.user is None or settings.password is None:
        return None
    return Credentials(settings.user, settings.password.get_secret_value())


def bring_up(installation: Installation, supervisor: Supervisor, told: Callable[[str], None]) -> None:
    """Start all parts and wait until each works.

    Args:
        installation: What is started.
        supervisor: Made of `installation.parts()`; it stops what was started if this raises.
        told: Called with each part's name once it works.

    Raises:
        PartFailed: A part ended or did not get ready.
        StoreError: The schema cannot be brought up to date.
    """
    with needing("store"):
        from rootspan_store.client import connect
        from rootspan_store.schema import migrate
    for part in installation.parts():
        supervisor.start(part.name)
        if part.name == "store":
            # Before anything else asks: pages and questions need the tables, even with no data in them.
            client = connect(installation.store_url)
            try:
                migrate(client)
            finally:
                client.close()
        told(part.name)
