"""A TCP proxy that spoils what passes through it.

    async with proxied("127.0.0.1", server.port) as proxy:
        ...                                               # clients connect to proxy.port
        async with proxy.poisoned(Latency(0.2, jitter=0.1), "downstream"):
            ...
        slow = proxy.add(Bandwidth(1000), "upstream")
        proxy.remove(slow)

`upstream` is what clients say, `downstream` what the server answers. A toxic applies to connections that stand as well
as to new ones. `proxy_control` takes orders from other processes.
"""

import asyncio
import itertools
import socket
import struct
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Final, Literal

from tests.faults.kit.toxics import Down, Toxic

Stream = Literal["upstream", "downstream"]

_PIECE: Final = 64 * 1024
_UNDER_WAY: Final = 64
"""Pieces that one direction holds at most; the sender is not read from while there are as many."""


class Proxy:
    """Listens on a port of the loopback and hands every connection on to one server."""

    def __init__(self, host: str, port: int) -> None:
        self.upstream = (host, port)
        self.port = 0
        self.accepted = 0
        self._toxics: dict[str, tuple[Stream, Toxic]] = {}
        self._changed = asyncio.Event()
        self._numbers = itertools.count(1)
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen; on the same port as before where it has listened before."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Break every connection and listen no more."""
        self._stop_listening()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def add(self, toxic: Toxic, stream: Stream = "downstream", name: str | None = None) -> str:
        """Spoil one direction from now on; return the name under which this is undone."""
        name = name or f"toxic-{next(self._numbers)}"
        self._toxics[name] = (stream, toxic)
        self._tell()
        if isinstance(toxic, Down):
            self._stop_listening()
        return name

    async def remove(self, name: str) -> None:
        """Undo one toxic."""
        _, toxic = self._toxics.pop(name)
        self._tell()
        if isinstance(toxic, Down) and not self._is_down:
            await self.start()

    async def clear(self) -> None:
        """Undo every toxic."""
        for name in list(self._toxics):
            await self.remove(name)

    @asynccontextmanager
    async def poisoned(self, toxic: Toxic, *streams: Stream) -> AsyncIterator[None]:
        """Spoil these directions, or both, while the context is open."""
        names = [await self.add(toxic, stream) for stream in streams or ("upstream", "downstream")]
        try:
            yield
        finally:
            for name in names:
                await self.remove(name)

    def reset(self) -> None:
        """Reset every connection that stands; new ones are as good as before."""
        for connection in list(self._connections):
            connection.reset()

    @property
    def connections(self) -> int:
        """How many connections stand."""
        return len(self._connections)

    def toxics(self) -> dict[str, tuple[Stream, Toxic]]:
        """Return what is wrong, by name."""
        return dict(self._toxics)

    def of(self, stream: Stream) -> list[Toxic]:
        """Return what is wrong with one direction, the first added first."""
        return [toxic for where, toxic in self._toxics.values() if where == stream]

    async def removal(self, toxic: Toxic) -> None:
        """Return as soon as `toxic` no longer applies."""
        while any(toxic is one for _, one in self._toxics.values()):
            await self._changed.wait()

    @property
    def _is_down(self) -> bool:
        return any(isinstance(toxic, Down) for _, toxic in self._toxics.values())

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        self.reset()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            self.accepted += 1
            await self._serve(reader, writer)
        finally:
            self._tasks.discard(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(*self.upstream)
        except OSError:
            _reset(writer)
            return
        connection = _Connection(writer, far_writer)
        self._connections.add(connection)
        halves = [
            asyncio.create_task(_Half(self, "upstream", connection, reader, far_writer).run()),
            asyncio.create_task(_Half(self, "downstream", connection, far_reader, writer).run()),
        ]
        try:
            await asyncio.wait(halves)
        finally:
            self._connections.discard(connection)
            for half in halves:
                half.cancel()
            connection.close()
            await asyncio.gather(*halves, return_exceptions=True)


class _Connection:
    """The two sockets of one proxied connection."""

    def __init__(self, *writers: asyncio.StreamWriter) -> None:
        self._writers = writers

    def reset(self) -> None:
        for writer in self._writers:
            _reset(writer)

    def close(self) -> None:
        for writer in self._writers:
            writer.close()


class _Half:
    """One direction of one connection: read, spoil, write."""

    def __init__(
        self,
        proxy: Proxy,
        stream: Stream,
        connection: _Connection,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.delivered = 0
        self.reset, self.close, self.removal = connection.reset, connection.close, proxy.removal
        self._proxy, self._stream = proxy, stream
        self._reader, self._writer = reader, writer
        self._pieces: deque[tuple[bytes, float]] = deque()
        self._moved = asyncio.Event()

    async def run(self) -> None:
        with suppress(OSError):
            async with asyncio.TaskGroup() as both:
                both.create_task(self._read())
                both.create_task(self._pass_on())

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        data = b"?"
        while data:
            try:
                data = await self._reader.read(_PIECE)
            except OSError:
                data = b""
            self._pieces.append((data, loop.time()))
            self._moved.set()
            while len(self._pieces) >= _UNDER_WAY:
                self._moved.clear()
                await self._moved.wait()

    async def _pass_on(self) -> None:
        while True:
            while not self._pieces:
                self._moved.clear()
                await self._moved.wait()
            data, arrived = self._pieces[0]
            if not data:
                break
            await self._through(self._proxy.of(self._stream), arrived, data)
            self._pieces.popleft()
            self._moved.set()
        for toxic in self._proxy.of(self._stream):
            await toxic.end(self)
        if self._writer.can_write_eof() and not self._writer.is_closing():
            self._writer.write_eof()

    async def _through(self, toxics: list[Toxic], arrived: float, data: bytes) -> None:
        if toxics:
            await toxics[0].carry(data, arrived, self, partial(self._through, toxics[1:], arrived))
        elif not self._writer.is_closing():
            self._writer.write(data)
            await self._writer.drain()
            self.delivered += len(data)


def _reset(writer: asyncio.StreamWriter) -> None:
    own: socket.socket | None = writer.get_extra_info("socket")
    if own is not None and own.fileno() >= 0:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@asynccontextmanager
async def proxied(host: str, port: int) -> AsyncIterator[Proxy]:
    """Keep a proxy before the server at this address."""
    proxy = Proxy(host, port)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.close()
