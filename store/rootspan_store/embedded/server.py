"""Runs the store: lock, engine, uvicorn, and an orderly end on SIGTERM or SIGINT."""

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import uvicorn

from rootspan_store.embedded.app import Threads, build_app
from rootspan_store.embedded.engine import Engine
from rootspan_store.embedded.lock import FolderLock
from rootspan_store.embedded.service import QueryService
from rootspan_store.embedded.unborn_parts import forget_unborn_parts
from rootspan_store.errors import StoreConfigError
from rootspan_store.settings import StoreSettings

__all__ = ["serve"]

log = logging.getLogger("rootspan.store")

# Requests that wait for a handle hold a thread; beyond this many they wait in the queue of the pool of
# threads.
_WAITING_THREADS = 32
_MOST_CONNECTIONS = 1024
# A killed query ends at its next block.
_KILL_WITHIN_S = 10.0


def _listen(settings: StoreSettings) -> socket.socket:
    host, port = settings.listen
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Naming the protocol makes asyncio set TCP_NODELAY; without it every small answer waits 40 ms for an ACK.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(512)
    except OSError as error:
        listener.close()
        raise StoreConfigError(
            f"cannot listen on {settings.http}: {error.strerror}; free the port, or choose another with "
            f"--http "
            "(ROOTSPAN_STORE_HTTP)"
        ) from error
    return listener


def serve(settings: StoreSettings, *, on_ready: Callable[[str], None] | None = None) -> None:
    """Run the store until SIGTERM or SIGINT, then finish the requests in flight and close the engine.

    Owns the process: takes its signals, and changes its current folder. Requests that take longer than
    `stop_timeout_s` to finish are cut off.

    Args:
        settings: Where the data is and where to listen; port 0 takes a free one.
        on_ready: Called with the URL once requests are answered.

    Raises:
        DataFolderLocked: Another store has the folder.
        StoreConfigError: The address cannot be listened on.
        EngineError: The engine does not start.
        OSError: The data folder cannot be read or written.
    """
    folder = Path(settings.data).resolve()
    settings = settings.model_copy(update={"data": folder})
    with FolderLock(folder):
        listener = _listen(settings)
        try:
            forget_unborn_parts(folder / "clickhouse")
            engine = Engine(settings)
            # The engine writes the schemas that inserts bring to `__cache__` below the current folder.
            os.chdir(folder / "engine")
            threads = Threads(
                queries=ThreadPoolExecutor(settings.readers + settings.writers + _WAITING_THREADS, "query"),
                # One for each answer that can hold a reader, and one to cancel.
                streams=ThreadPoolExecutor(settings.readers + 1, "stream"),
                patience_s=settings.client_timeout_s,
            )
            try:
                _run(settings, listener, engine, threads, on_ready)
            finally:
                threads.queries.shutdown(wait=False, cancel_futures=True)
                threads.streams.shutdown(wait=False)
                if not engine.close(within_s=_KILL_WITHIN_S):
                    log.warning("queries did not end within %g s of being killed", _KILL_WITHIN_S)
        finally:
            listener.close()


def _run(
    settings: StoreSettings,
    listener: socket.socket,
    engine: Engine,
    threads: Threads,
    on_ready: Callable[[str], None] | None,
) -> None:
    service = QueryService(engine, settings)
    config = uvicorn.Config(
        build_app(service, threads),
        access_log=settings.access_log,
        log_level="warning" if not settings.access_log else "info",
        lifespan="off",
        ws="none",
        server_header=False,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=max(1, round(settings.stop_timeout_s)),
        h11_max_incomplete_event_size=1024 * 1024,
        limit_concurrency=_MOST_CONNECTIONS,
    )
    server = uvicorn.Server(config)
    host, port = listener.getsockname()[:2]
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def main() -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, lambda: setattr(server, "should_exit", True))
        serving = asyncio.create_task(server._serve([listener]))
        while not server.started and not serving.done():
            await asyncio.sleep(0.005)
        if server.started and on_ready is not None:
            on_ready(url)
        await serving

    asyncio.run(main())
    sys.stdout.flush()
