"""The database restarts under writers: what was acknowledged stays, and the service says what it can and cannot do."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import asyncpg
import httpx

from core.testing.waiting import until
from tests.faults.kit.cluster import Cluster
from tests.faults.kit.history import History, check, percentile
from tests.faults.kit.processes import Server, environment, server
from tests.faults.kit.writers import Writers

CLIENTS = 20
LABELS = "SELECT label FROM tally.entries"


async def found(dsn: str) -> list[str]:
    connection = await asyncpg.connect(dsn)
    try:
        return [row["label"] for row in await connection.fetch(LABELS)]
    finally:
        await connection.close()


class Readiness:
    """What a probe of `/health/ready` saw, and when."""

    def __init__(self) -> None:
        self.seen: list[tuple[float, int]] = []

    @asynccontextmanager
    async def watched(self, serving: Server) -> AsyncIterator[None]:
        """Ask ten times a second while the context is open."""

        async def probe() -> None:
            async with httpx.AsyncClient(base_url=serving.url, timeout=10) as client:
                while True:
                    answer = await client.get("/health/ready")
                    self.seen.append((time.monotonic(), answer.status_code))
                    await asyncio.sleep(0.1)

        probing = asyncio.create_task(probe())
        try:
            yield
        finally:
            probing.cancel()
            await asyncio.gather(probing, return_exceptions=True)

    async def becomes(self, status: int, since: float) -> float:
        """Wait until a probe after `since` sees `status`; return how many seconds after it that was."""
        async with asyncio.timeout(30):
            while True:
                for at, seen in self.seen:
                    if at > since and seen == status:
                        return at - since
                await asyncio.sleep(0.05)


async def test_no_acknowledged_write_is_lost_and_every_other_is_settled_by_a_retry(
    postgres: Cluster, folder: Path, full: bool, figure: Callable[..., None]
) -> None:
    dsn = await postgres.create_database("restart")
    modes: list[Literal["fast", "immediate"]] = ["fast", "immediate", "immediate"] if full else ["immediate"]
    history = History(folder / "history.jsonl")
    down_for, waits, last_failures, falls, rises = 2.5, [], [], [], []
    async with server(folder, environment(dsn, "tally.plugin")) as serving:
        doors = [Writers(serving.url, history, f"/api/v1/tally/{path}") for path in ("entries", "objects")]
        readiness = Readiness()
        async with readiness.watched(serving), doors[0].writing(CLIENTS // 2), doors[1].writing(CLIENTS // 2):
            for mode in modes:
                await acknowledged(history, len(history.of("ok")) + 200)
                stopped = time.monotonic()
                await postgres.stop(mode)
                falls.append(await readiness.becomes(503, stopped))
                await asyncio.sleep(max(0.0, down_for - (time.monotonic() - stopped)))
                ready = await postgres.start()
                rises.append(await readiness.becomes(200, ready))
                await acknowledged(history, len(history.of("ok")) + 200)
                waits += [one.seconds for one in history.operations if stopped <= one.answered <= ready]
                late = [one.answered - ready for one in history.of("unknown") if one.answered > stopped]
                last_failures.append(max(late, default=0.0))
        open_ones = sorted({one.operation for one in history.of("unknown")})
        settled = sum([await door.resolve() for door in doors])
        assert await serving.stop() == 0
    history.close()
    assert [door.unsound for door in doors] == [[], []]
    assert settled == len(open_ones)
    assert check(history.operations, await found(dsn.reveal())).clean
    assert [one.answer for one in history.operations if one.status is None] == []
    assert set(history.statuses()) <= {201, 503}
    figure("G12", "acknowledged writes kept over restarts", len(history.of("ok")))
    figure("G12", "unknown ones settled by a retry", settled)
    figure("G13", "last 503 after the database was ready", max(last_failures), "s", at_most=1.0)
    figure("G13", "p99 of answers in the outage", percentile(waits, 0.99), "s", at_most=3.5)
    figure("G13", "readiness false after the stop", max(falls), "s", at_most=2.0)
    figure("G13", "readiness true after the database was ready", max(rises), "s", at_most=2.0)


async def acknowledged(history: History, count: int) -> None:
    """Wait until that many writes are acknowledged."""
    await until(lambda: len(history.of("ok")) >= count, 60, interval=0.02)
