"""Clients that take for ever: they are cut off, what they held is given back, and nobody else waits for them."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.faults.kit.cluster import Cluster
from tests.faults.kit.processes import Server, environment, server
from tests.faults.kit.raw_http import RawClient, Silence, connected, request

KEY = "slow-clients-" + "k" * 32
AUTHORISED = {"X-API-Key": KEY, "Content-Type": "application/json"}
BODY = "/api/v1/insurance/claims/review"
LARGE = "/schema/openapi.json"
PAUSE = 0.3
"""Seconds between two bytes of a slow client; less than any deadline, so that only a total can end it."""

Figure = Callable[..., None]


class Patience:
    """The deadlines that a server is given: those of a release, or a few seconds."""

    def __init__(self, *, full: bool) -> None:
        self.header, self.chunk, self.total, self.write = (10.0, 15.0, 60.0, 30.0) if full else (1.5, 1.5, 3.0, 2.0)

    def environ(self) -> dict[str, str]:
        return {
            "HTTP__HEADER_TIMEOUT": str(self.header),
            "HTTP__BODY_CHUNK_TIMEOUT": str(self.chunk),
            "HTTP__BODY_TIMEOUT": str(self.total),
            "HTTP__WRITE_TIMEOUT": str(self.write),
        }


@asynccontextmanager
async def serving(postgres: Cluster, folder: Path, kind: str, **keys: str) -> AsyncIterator[Server]:
    dsn = await postgres.create_database(f"slow_{time.monotonic_ns()}")
    environ = environment(dsn, "verification", SERVER=kind, ADMIN_KEY=KEY, **keys)
    async with server(folder, environ) as running:
        yield running


class SlowClient:
    """A connection that somebody is slow on."""

    def __init__(self, client: RawClient) -> None:
        self.client = client

    async def head(self) -> None:
        """Send the beginning of a head, and then a byte now and again."""
        await self.client.send(b"GET /health/live HTTP/1.1\r\nHost: t\r\nX-Slow: ")
        await self.drip(b"x")

    async def silence(self) -> None:
        """Send nothing at all."""
        assert await self.client.ended() == b""

    async def line_breaks(self) -> None:
        """Send what may stand before a request, for ever."""
        await self.drip(b"\r\n")

    async def body(self) -> None:
        """Send a body by the byte."""
        await self.client.send(request("POST", BODY, {**AUTHORISED, "Content-Length": "100000"}))
        await self.drip(b" ")

    async def stalled_body(self) -> None:
        """Send the beginning of a body, and no more."""
        await self.client.send(request("POST", BODY, {**AUTHORISED, "Content-Length": "100000"}) + b'{"a":')
        answer = await self.client.answer(patience=120)
        assert answer is not None
        assert (answer.status, answer.json()["code"]) == (408, "request_timeout")
        await self.client.ended()

    async def unwanted_body(self) -> None:
        """Send a body by the byte to where nobody reads it."""
        await self.client.send(request("POST", "/api/v1/nowhere", {**AUTHORISED, "Content-Length": "1000000000"}))
        await self.drip(b" ")

    async def small_unwanted_body(self) -> None:
        """Send the body by the byte whose end would save the connection."""
        await self.client.send(request("POST", "/api/v1/nowhere", {**AUTHORISED, "Content-Length": "50000"}))
        await self.drip(b" ")

    async def drip(self, drop: bytes) -> None:
        """Send a drop now and again, until the server has enough of it."""
        waiting = asyncio.create_task(self.client.ended(patience=120))
        while not waiting.done() and await self.client.send(drop):
            await asyncio.wait([waiting], timeout=PAUSE)
        await waiting


Slow = Callable[[SlowClient], Coroutine[Any, Any, None]]
HEADS: tuple[Slow, ...] = (SlowClient.head, SlowClient.silence, SlowClient.line_breaks)
BODIES: tuple[Slow, ...] = (
    SlowClient.body,
    SlowClient.stalled_body,
    SlowClient.unwanted_body,
    SlowClient.small_unwanted_body,
)


async def until_cut(port: int, slow: Slow) -> float:
    """Be slow until the server has enough; return after how many seconds that was."""
    began = time.monotonic()
    async with connected("127.0.0.1", port) as client:
        await slow(SlowClient(client))
    return time.monotonic() - began


async def never_reading(port: int, released: asyncio.Event) -> None:
    """Ask for far more than the operating system keeps, and read none of it."""
    async with connected("127.0.0.1", port, receive_buffer=4096) as client:
        with suppress(Silence):
            await client.send(request("GET", LARGE) * 200, patience=1.0)
        await released.wait()


async def honest(port: int, over: asyncio.Event) -> list[float]:
    """Be a client like any other until it is over; return how long each answer took, in milliseconds."""
    took = []
    while not over.is_set():
        began = time.perf_counter()
        async with connected("127.0.0.1", port) as client:
            answer = await client.exchange(request("GET", "/api/v1"))
        assert answer is not None
        assert answer.status == 200
        took.append((time.perf_counter() - began) * 1000)
        await asyncio.sleep(0.02)
    return took


async def files_back_at(running: Server, baseline: int, seconds: float) -> float:
    """Wait until the server holds no more files than before; return how long that took."""
    began = time.monotonic()
    while (held := running.open_files()) > baseline:
        assert time.monotonic() - began < seconds, f"{held} files are open; there were {baseline}"
        await asyncio.sleep(0.05)
    return time.monotonic() - began


@pytest.mark.parametrize("kind", ["uvicorn", "granian"])
async def test_slow_clients_are_cut_off_and_nobody_waits_for_them(
    postgres: Cluster, folder: Path, kind: str, full: bool, figure: Figure
) -> None:
    slow_ones, readers = (300, 100) if full else (60, 30)
    patience = Patience(full=full)
    async with serving(postgres, folder, kind, **patience.environ()) as running:
        over, released = asyncio.Event(), asyncio.Event()
        await until_cut(running.port, SlowClient.stalled_body)
        baseline = running.open_files() + 1
        others = asyncio.create_task(honest(running.port, over))
        reading = [asyncio.create_task(never_reading(running.port, released)) for _ in range(readers)]
        heads = [until_cut(running.port, HEADS[number % len(HEADS)]) for number in range(slow_ones)]
        bodies = [until_cut(running.port, BODIES[number % len(BODIES)]) for number in range(slow_ones)]
        cut_heads, cut_bodies = await asyncio.gather(asyncio.gather(*heads), asyncio.gather(*bodies))
        back = await files_back_at(running, baseline, patience.write + 30)
        over.set()
        took = sorted(await others)
        released.set()
        await asyncio.gather(*reading)
        assert [line for line in running.lines() if "Traceback" in line] == []
    slack = 5.0
    figure("G36", f"{kind}: others' p99", took[int(len(took) * 0.99)], "ms", at_most=50)
    figure("G36", f"{kind}: last slow head cut", max(cut_heads), "s", at_most=patience.header + slack)
    figure("G36", f"{kind}: last slow body cut", max(cut_bodies), "s", at_most=patience.total + slack)
    figure("G36", f"{kind}: files back after the last cut", back, "s", at_most=patience.write + slack)


async def test_a_connection_too_many_is_refused_and_the_others_live(postgres: Cluster, folder: Path) -> None:
    async with serving(postgres, folder, "uvicorn", HTTP__MAX_CONNECTIONS="20") as running:
        connections = [connected("127.0.0.1", running.port) for _ in range(25)]
        clients = [await connection.__aenter__() for connection in connections]
        refused = [await client.answer() for client in clients[20:]]
        assert [answer and (answer.status, answer.header("Retry-After")) for answer in refused] == [(503, "1")] * 5
        assert {answer.json()["code"] for answer in refused if answer} == {"overloaded"}
        for client in clients[:20]:
            answer = await client.exchange(request("GET", "/health/live"))
            assert answer is not None
            assert answer.status == 200
        for connection in connections:
            await connection.__aexit__(None, None, None)
