"""A TCP balancer on the loopback: it asks instances whether they are ready and sends connections to those that are."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import httpx

from core.testing.waiting import until

PROBE_INTERVAL = 0.2
PROBE_PATIENCE = 1.0
PIECE = 64 * 1024


class Balancer:
    """Takes turns among the instances that answered their last probe of `/health/ready` with 200."""

    def __init__(self) -> None:
        self.port = 0
        self.refused = 0
        self._ready: set[int] = set()
        self._instances: set[int] = set()
        self._turns = itertools.count()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """The address that clients use."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def ready(self) -> frozenset[int]:
        """The ports of the instances that connections are sent to."""
        return frozenset(self._ready)

    def add(self, port: int) -> None:
        """Probe the instance on this port from now on."""
        self._instances.add(port)

    async def until(self, port: int, *, ready: bool) -> None:
        """Wait until the instance on this port is sent connections, or no more."""
        await until(lambda: (port in self._ready) is ready, 60)

    async def probe(self) -> None:
        """Ask every instance, again and again."""
        async with httpx.AsyncClient(timeout=PROBE_PATIENCE) as client:
            while True:
                await asyncio.gather(*(self._ask(client, port) for port in self._instances))
                await asyncio.sleep(PROBE_INTERVAL)

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hand one connection on."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._hand_on(reader, writer)
        finally:
            self._tasks.discard(task)
            writer.close()

    async def close(self) -> None:
        """Break what is handed on."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _ask(self, client: httpx.AsyncClient, port: int) -> None:
        try:
            answer = await client.get(f"http://127.0.0.1:{port}/health/ready", headers={"Connection": "close"})
        except httpx.TransportError:
            self._ready.discard(port)
            return
        (self._ready.add if answer.is_success else self._ready.discard)(port)

    async def _hand_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._ready:
            self.refused += 1
            return
        instances = sorted(self._ready)
        port = instances[next(self._turns) % len(instances)]
        with suppress(OSError):
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                async with asyncio.TaskGroup() as both:
                    both.create_task(_pipe(reader, far_writer))
                    both.create_task(_pipe(far_reader, writer))
            finally:
                far_writer.close()


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(PIECE):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


@asynccontextmanager
async def balancing() -> AsyncIterator[Balancer]:
    """Keep a balancer listening."""
    balancer = Balancer()
    listening = await asyncio.start_server(balancer.accept, "127.0.0.1", 0)
    balancer.port = listening.sockets[0].getsockname()[1]
    probing = asyncio.create_task(balancer.probe())
    try:
        yield balancer
    finally:
        probing.cancel()
        await asyncio.gather(probing, return_exceptions=True)
        listening.close()
        await balancer.close()
