"""Instances are restarted one after the other under load: nobody notices. A worker is killed: few do, for a moment."""

import asyncio
import itertools
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import psutil

from core.testing.waiting import until
from tests.faults.kit.balancer import balancing
from tests.faults.kit.cluster import Cluster
from tests.faults.kit.processes import Server, environment, server

RATE = 50
DRAIN = 1.5
READ = "/api/v1/tally/entries"
SLOW = "/api/v1/tally/wait?seconds=0.5"


class Load:
    """Requests at a steady rate, each on a connection of its own; every tenth lasts half a second."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.outcomes: Counter[str] = Counter()
        self.in_flight = 0

    @property
    def failed(self) -> int:
        """How many were not answered with 200."""
        return sum(count for outcome, count in self.outcomes.items() if outcome != "200")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Send requests while the context is open, then wait for their answers."""
        stop = asyncio.Event()
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        client = httpx.AsyncClient(base_url=self._url, timeout=30, limits=limits)
        async with client, asyncio.TaskGroup() as group:
            group.create_task(self._send(client, group, stop))
            try:
                yield
            finally:
                stop.set()

    async def _send(self, client: httpx.AsyncClient, group: asyncio.TaskGroup, stop: asyncio.Event) -> None:
        for number in itertools.count():
            if stop.is_set():
                return
            group.create_task(self._ask(client, READ if number % 10 else SLOW))
            await asyncio.sleep(1 / RATE)

    async def _ask(self, client: httpx.AsyncClient, path: str) -> None:
        self.in_flight += 1
        try:
            self.outcomes[str((await client.get(path)).status_code)] += 1
        except httpx.TransportError as error:
            self.outcomes[type(error).__name__] += 1
        finally:
            self.in_flight -= 1


async def test_nobody_notices_a_rolling_restart(
    postgres: Cluster, folder: Path, full: bool, figure: Callable[..., None]
) -> None:
    for kind in ("uvicorn", "granian") if full else ("uvicorn",):
        await roll(postgres, folder, kind, 5 if full else 2, figure)


async def roll(postgres: Cluster, folder: Path, kind: str, restarts: int, figure: Callable[..., None]) -> None:
    """Restart two instances in turn, so many times, under load through a balancer."""
    dsn = await postgres.create_database(f"rolling_{kind}")
    environ = environment(dsn, "tally.plugin", SERVER=kind, HTTP__DRAIN_DELAY=str(DRAIN))
    async with balancing() as balancer, AsyncExitStack() as stack:
        instances = [await stack.enter_async_context(server(folder, environ, name=f"{kind}{one}")) for one in range(2)]
        for instance in instances:
            balancer.add(instance.port)
            await balancer.until(instance.port, ready=True)
        load = Load(balancer.url)
        async with load.running():
            for restart in range(restarts):
                old = instances.pop(0)
                old.send(signal.SIGTERM)
                await balancer.until(old.port, ready=False)
                assert old.running, "it ended before the balancer knew"
                assert await old.ended() == 0
                new = await stack.enter_async_context(
                    server(folder, environ, name=f"{kind}-again{restart}", port=old.port)
                )
                await balancer.until(new.port, ready=True)
                instances.append(new)
        assert load.failed == 0, load.outcomes
        assert balancer.refused == 0
    figure("G22", f"requests over rolling restarts, {kind}", load.outcomes["200"])
    figure("G22", f"failed requests over rolling restarts, {kind}", load.failed, at_most=0)


async def test_a_killed_worker_costs_what_it_had_in_hand_and_is_replaced(
    postgres: Cluster, folder: Path, full: bool, figure: Callable[..., None]
) -> None:
    for kind in ("uvicorn", "granian") if full else ("uvicorn",):
        await kill_one(postgres, folder, kind, figure)


async def kill_one(postgres: Cluster, folder: Path, kind: str, figure: Callable[..., None]) -> None:
    """Kill one of two workers under load."""
    dsn = await postgres.create_database(f"respawned_{kind}")
    environ = environment(dsn, "tally.plugin", SERVER=kind)
    async with server(folder, environ, "--workers", "2", name=f"{kind}-killed") as serving:
        known = {one.pid for one in serving.workers()}
        assert len(known) == 2
        load = Load(serving.url)
        async with load.running():
            await asyncio.sleep(1)
            in_flight = load.in_flight
            killed = time.monotonic()
            psutil.Process(min(known)).kill()
            await until(lambda: another_serves(serving, known), 60, interval=0.02)
            back = time.monotonic() - killed
        assert not any("spawn_main" in " ".join(one.cmdline()) for one in serving.workers()), "it loads all anew"
        assert load.failed <= in_flight + RATE // 10, load.outcomes
        assert await serving.stop() == 0
    figure("G22", f"failed when a worker was killed, {kind}", load.failed, at_most=in_flight)
    figure("G22", f"another worker in its place, {kind}", back, "s", at_most=5)


async def another_serves(serving: Server, known: set[int]) -> bool:
    """Tell whether a process that was not there before has taken a connection."""
    for worker in serving.workers():
        if worker.pid not in known:
            connections = await asyncio.to_thread(worker.net_connections, "tcp")
            if any(one.laddr.port == serving.port and one.status == psutil.CONN_ESTABLISHED for one in connections):
                return True
    return False
