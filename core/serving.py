"""Serving with Granian or uvicorn, by the `server` key of plugins.toml."""

import asyncio
import math
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import msgspec
from litestar import Litestar
from litestar.routes import WebSocketRoute

from core.composition import Composition
from core.config.settings import HttpSettings
from core.draining import GRACE, longest_stop
from core.faults import StartupError
from core.http.head_limits import MAX_HEAD
from core.lifespan import freeze_collector, opened_storage
from core.telemetry.siblings import shared_metrics

TARGET: Final = "app:create_app"
BACKLOG: Final = 1024
PROTOCOL: Final = "core.http.connections:GuardedProtocol"

FILES_BESIDES: Final = 256
"""File descriptors that a process needs for anything but its clients' connections."""

_GRANIAN_LOG: Final = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {},
    "handlers": {},
    "loggers": {"_granian": {"handlers": [], "propagate": True}},
}
"""Leaves Granian's records to the handlers of the process, which are ours."""


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
    _make_room(composition.config.http.max_connections)
    if composition.config.server == "granian":
        with _supervising(app, composition):
            _serve_with_granian(app, address, workers)
    elif workers > 1:
        with _supervising(app, composition):
            _serve_with_uvicorn(app, address, workers)
    else:
        _serve_with_uvicorn(app, address, workers)


def _make_room(connections: int) -> None:
    """Raise this process's bound of file descriptors, and its children's, to what its connections may take.

    Raises:
        StartupError: it may not be raised as far.
    """
    if sys.platform == "win32":
        return
    import resource

    needed = connections + FILES_BESIDES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY != hard < needed:
        message = f"{connections} connections need {needed} file descriptors and {hard} are allowed"
        raise StartupError(f"{message}: lower http.max_connections, or raise the limit (ulimit -Hn)")
    if resource.RLIM_INFINITY != soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def _serve_with_uvicorn(app: Litestar, address: Address, workers: int) -> None:
    from core import uvicorn_server

    uvicorn_server.serve(
        TARGET if workers > 1 else app,
        host=address.host,
        port=address.port,
        workers=workers,
        backlog=BACKLOG,
        http=PROTOCOL,
        ws="auto" if _has_websockets(app) else "none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE,
    )


def _serve_with_granian(app: Litestar, address: Address, workers: int) -> None:
    from granian.constants import HTTPModes
    from granian.http import HTTP1Settings

    from core import granian_server

    config = app.state.services.config
    http: HttpSettings = config.http
    granian_server.serve(
        TARGET,
        address=address.host,
        port=address.port,
        workers=workers,
        backlog=BACKLOG,
        backpressure=http.max_connections,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=int(http.header_timeout * 1000), max_buffer_size=MAX_HEAD),
        websockets=_has_websockets(app),
        respawn_failed_workers=True,
        workers_kill_timeout=math.ceil(longest_stop(config)),
        log_access=False,
        log_dictconfig=_GRANIAN_LOG,
    )


def _has_websockets(app: Litestar) -> bool:
    """Tell whether an upgrade is anything but a request like any other."""
    return any(isinstance(route, WebSocketRoute) for route in app.routes)


@contextmanager
def _supervising(app: Litestar, composition: Composition) -> Iterator[None]:
    """Hold what the workers share, and nothing that a fork would tear: no thread, no connection.

    Raises:
        StartupError: the store does not open.
    """
    app.state.services.tracing.shutdown()  # each worker has its own; this one would send nothing, by a thread
    with shared_metrics(), _held_storage(composition):
        # Workers share these pages as long as no collector writes to them, and there is less to take down at the end.
        freeze_collector()
        yield


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
