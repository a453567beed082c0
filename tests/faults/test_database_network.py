"""The network to the database goes bad: requests end in time, what needs no database goes on, and all is well after."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import asyncpg
import httpx

from core.testing.waiting import until
from ports.secrets import Secret
from tests.faults.kit.cluster import Cluster
from tests.faults.kit.history import History, check, percentile
from tests.faults.kit.processes import Server, environment, server
from tests.faults.kit.proxy import Proxy, proxied
from tests.faults.kit.toxics import Bandwidth, Latency, ResetPeer, Timeout, Toxic
from tests.faults.kit.writers import Writers

DEADLINE = 1.0
PATIENCE = 6.0
"""Seconds that a client waits. The network is bad for longer, so that who is not answered in time is not answered."""

CLIENTS = 5
DOORS = {"entries": "compiled", "objects": "session"}
TOXICS: dict[str, Toxic] = {
    "latency 2 s": Latency(2.0),
    "blackhole": Timeout(0),
    "reset": ResetPeer(0),
    "1 KB/s": Bandwidth(1000),
}


class Bystander:
    """Asks what needs no database."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.statuses: Counter[int] = Counter()
        self.waits: list[float] = []

    async def ask_until(self, over: asyncio.Event) -> None:
        async with httpx.AsyncClient(base_url=self._url, timeout=30) as client:
            while not over.is_set():
                began = time.monotonic()
                self.statuses[(await client.get("/health/live")).status_code] += 1
                self.waits.append(time.monotonic() - began)
                await asyncio.sleep(0.02)


async def suffer(proxy: Proxy, writers: list[Writers], toxic: Toxic, *, full: bool) -> None:
    """Write through every door while the network is bad, then until all is well again through each."""
    async with AsyncExitStack() as stack:
        for one in writers:
            await stack.enter_async_context(one.writing(CLIENTS))
        async with proxy.poisoned(toxic):
            await asyncio.sleep(15.0 if full else 2 + PATIENCE)
        well = [len(one.history.of("ok")) for one in writers]
        enough = [before + 2 * CLIENTS for before in well]
        await until(
            lambda: all(len(one.history.of("ok")) >= count for one, count in zip(writers, enough, strict=True)), 60
        )
    for one in writers:
        await one.resolve()


async def test_no_request_outlives_its_deadline_and_the_rest_goes_on(
    postgres: Cluster, folder: Path, full: bool, figure: Callable[..., None]
) -> None:
    dsn = await postgres.create_database("network")
    async with proxied("127.0.0.1", postgres.port) as proxy:
        through = postgres.dsn("network", port=proxy.port)
        environ = environment(through, "tally.plugin", HTTP__REQUEST_TIMEOUT=str(DEADLINE))
        async with server(folder, environ) as serving:
            for name in TOXICS if full else ("blackhole",):
                bystander, over = Bystander(serving.url), asyncio.Event()
                asking = asyncio.create_task(bystander.ask_until(over))
                writers = [through_door(serving, folder, path) for path in DOORS]
                await suffer(proxy, writers, TOXICS[name], full=full)
                over.set()
                await asking
                await serving.ready()
                for one, door in zip(writers, DOORS.values(), strict=True):
                    one.history.close()
                    assert one.unsound == []
                    assert set(one.history.statuses()) <= {201, 409, 503}
                    assert 503 in one.history.statuses()
                    assert check(one.history.operations, await found(dsn, one.history)).clean
                    longest = max(each.seconds for each in one.history.operations)
                    past = f"{name}: longest request past its deadline, {door}"
                    figure("G20", past, longest - DEADLINE, "s", at_most=0.5)
                assert set(bystander.statuses) == {200}
                figure("G20", f"{name}: p99 of a route without the database", percentile(bystander.waits, 0.99), "s")
            assert await serving.stop() == 0


def through_door(serving: Server, folder: Path, path: str) -> Writers:
    history = History(folder / f"{path}-{time.monotonic_ns()}.jsonl")
    return Writers(serving.url, history, f"/api/v1/tally/{path}", patience=PATIENCE)


async def found(dsn: Secret, history: History) -> list[str]:
    """Return the labels of this history's entries that are there."""
    connection = await asyncpg.connect(dsn.reveal())
    try:
        names = [one.operation for one in history.operations]
        rows = await connection.fetch("SELECT label FROM tally.entries WHERE label = ANY($1)", names)
        return [row["label"] for row in rows]
    finally:
        await connection.close()
