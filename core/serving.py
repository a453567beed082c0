"""Serving with Granian or uvicorn, by the `server` key of plugins.toml."""

import asyncio
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import msgspec
from litestar import Litestar

from core.composition import Composition
from core.faults import StartupError
from core.lifespan import opened_storage

TARGET: Final = "app:create_app"
GRACE: Final = 30
"""Seconds that requests in flight are given at a stop."""

BACKLOG: Final = 1024

_GRANIAN_LOG: Final = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {},
    "handlers": {},
    "loggers": {"_granian": {"handlers": [], "propagate": True}},
}
"""Leaves Granian's records to the handlers of the process, which are ours."""
HEADER_TIMEOUT: Final = 10.0


class Address(msgspec.Struct, frozen=True):
    """Where the server listens."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """The address as a URL that a browser on this machine can open."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)  # noqa: S104 - compared, not bound
        return f"http://{host}:{self.port}"


def require_free(address: Address) -> None:
    """Make sure, before anything is opened, that the server will be able to listen.

    Raises:
        StartupError: the address is in use, not this machine's, or not ours to use.
    """
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
    except OSError as error:
        raise StartupError(f"cannot listen on {address.host} port {address.port}: {error.strerror}") from error


def serve(app: Litestar, address: Address, workers: int) -> None:
    """Serve until a signal stops it.

    Raises:
        StartupError: the store does not open.
    """
    # uvicorn raises the signal that stopped it once more; to have stopped as asked is no failure.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    composition: Composition = app.state.composition
    if composition.config.server == "granian":
        with _held_storage(composition):
            _serve_with_granian(address, workers)
    elif workers > 1:
        with _held_storage(composition):
            _serve_with_uvicorn(TARGET, address, workers)
    else:
        _serve_with_uvicorn(app, address, workers)


def _serve_with_uvicorn(target: Litestar | str, address: Address, workers: int) -> None:
    import uvicorn

    uvicorn.run(
        target,
        factory=isinstance(target, str),
        host=address.host,
        port=address.port,
        workers=workers,
        backlog=BACKLOG,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE,
    )


def _serve_with_granian(address: Address, workers: int) -> None:
    from granian.constants import Interfaces
    from granian.http import HTTP1Settings
    from granian.server import Server

    Server(
        TARGET,
        factory=True,
        address=address.host,
        port=address.port,
        interface=Interfaces.ASGI,
        workers=workers,
        backlog=BACKLOG,
        http1_settings=HTTP1Settings(header_read_timeout=int(HEADER_TIMEOUT * 1000)),
        respawn_failed_workers=True,
        workers_kill_timeout=GRACE + 10,
        log_access=False,
        log_dictconfig=_GRANIAN_LOG,
    ).serve()


@contextmanager
def _held_storage(composition: Composition) -> Iterator[None]:
    """Keep the store open in this supervising process, so that an embedded server outlives any one worker."""
    with asyncio.Runner() as runner:
        storage = opened_storage(composition)
        runner.run(storage.__aenter__())
        try:
            yield
        finally:
            runner.run(storage.__aexit__(None, None, None))
