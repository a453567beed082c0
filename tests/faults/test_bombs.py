"""Bodies that are small to send and large to take: refused early, ten at once, while others are served."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.faults.kit.bombs import bombs, honest, thrown
from tests.faults.kit.cluster import Cluster
from tests.faults.kit.processes import Server, environment, server
from tests.faults.kit.raw_http import connected, request

KEY = "bombs-" + "k" * 32
BOMBS = bombs(KEY)

Figure = Callable[..., None]


@pytest.fixture(scope="module", params=["uvicorn", "granian"])
async def running(request: pytest.FixtureRequest, postgres: Cluster) -> AsyncIterator[tuple[str, Server]]:
    dsn = await postgres.create_database(f"bombs_{request.param}")
    environ = environment(dsn, "verification", SERVER=request.param, ADMIN_KEY=KEY)
    with tempfile.TemporaryDirectory(prefix="hexastar-") as folder:
        async with server(Path(folder), environ) as running:
            yield request.param, running


async def highest_memory(running: Server, over: asyncio.Event) -> int:
    """Return the most resident memory that was seen until it is over, in bytes."""
    highest = running.resident_bytes()
    while not over.is_set():
        await asyncio.sleep(0.02)
        highest = max(highest, running.resident_bytes())
    return highest


async def test_bombs_at_once_are_refused_while_others_are_served(
    running: tuple[str, Server], full: bool, figure: Figure
) -> None:
    kind, serving = running
    at_once = 10 if full else 2
    for bomb in BOMBS.values() if full else ():  # what is imported and cached at the first time is no growth
        await thrown(serving.port, bomb)
    before, over = serving.resident_bytes(), asyncio.Event()
    others = asyncio.create_task(honest(serving.port, over))
    highest = asyncio.create_task(highest_memory(serving, over))
    wrong = {}
    for name, bomb in BOMBS.items():
        answers = await asyncio.gather(*(thrown(serving.port, bomb) for _ in range(at_once)))
        statuses = {answer.status if answer else None for answer in answers}
        if not statuses <= bomb.statuses:
            wrong[name] = statuses
    over.set()
    took = sorted(await others)
    figure("G35", f"{kind}: growth under {at_once} bombs at once", (await highest - before) / 1e6, "MB", at_most=100)
    figure("G35", f"{kind}: others' p99 meanwhile", took[int(len(took) * 0.99)], "ms")
    assert wrong == {}
    assert [line for line in serving.lines() if "Traceback" in line] == []


CHUNKED = request("POST", "/api/v1/insurance/claims/review", {"X-API-Key": KEY, "Transfer-Encoding": "chunked"})
MOST_AT_ONCE = 8 * 1024 * 1024
"""Bytes that the system may take off a sender's hands before the server has read any."""


@pytest.mark.parametrize(
    ("opening", "piece"),
    [
        (CHUNKED + b"2\r\n[]\r\n0\r\n", b"X-Trailer: abcdefgh\r\n" * 4000),
        (CHUNKED + b"2\r\n[]\r\n0\r\nX-Trailer: ", b"a" * 65536),
        (CHUNKED + b"2;", b"a" * 65536),
    ],
    ids=["many trailers", "an endless trailer", "an endless extension of a chunk"],
)
async def test_framing_without_end_is_cut_off(running: tuple[str, Server], opening: bytes, piece: bytes) -> None:
    async with connected("127.0.0.1", running[1].port) as client:
        taken = await client.send(opening)
        sent = 0
        while taken and sent <= MOST_AT_ONCE:
            taken = await client.send(piece)
            sent += len(piece)
    assert sent <= MOST_AT_ONCE


async def test_requests_that_wait_behind_others_fill_no_memory(
    running: tuple[str, Server], full: bool, figure: Figure
) -> None:
    kind, serving = running
    flood = request("GET", "/health/live") * 7000
    before, over = serving.resident_bytes(), asyncio.Event()
    highest = asyncio.create_task(highest_memory(serving, over))

    async def pour() -> None:
        async with connected("127.0.0.1", serving.port) as client:
            await client.exchange(flood)
            await client.answer()

    await asyncio.gather(*(pour() for _ in range(40 if full else 10)))
    over.set()
    figure(
        "G35",
        f"{kind}: growth under floods of requests on one connection",
        (await highest - before) / 1e6,
        "MB",
        at_most=100,
    )
