"""Stops of every kind: signals once and repeatedly, to one process and to a group, and a supervisor that is killed."""

import asyncio
import signal
from pathlib import Path

import httpx
import psutil
import pytest
import uvicorn

from core.testing.waiting import until
from core.uvicorn_server import Forked
from tests.faults.kit.cluster import Cluster
from tests.faults.kit.processes import Server, environment, server

PATIENCE = 60.0
LONG = 600
EMBEDDED = {"HEXASTAR__PLUGINS__ENABLED": '["tally.plugin"]', "HEXASTAR__JOBS__IN_PROCESS": "false"}
BEGUN = "the wait has begun"
WAIT = "/api/v1/tally/wait"


STORMS = [
    (number, times, to_group)
    for number, times in ((signal.SIGQUIT, 1), (signal.SIGTERM, 5), (signal.SIGINT, 1))
    for to_group in (False, True)
]
REDUCED = [("granian", [(signal.SIGTERM, 5, True)]), ("uvicorn", [(signal.SIGQUIT, 1, True)])]


def databases(folder: Path) -> list[psutil.Process]:
    """Return the PostgreSQL servers over a folder."""
    return [one for one in psutil.process_iter(["cmdline"]) if _is_over(folder, one.info["cmdline"] or [])]


def _is_over(folder: Path, command: list[str]) -> bool:
    return bool(command) and command[0].endswith("postgres") and any(str(folder) in part for part in command)


def gone(processes: list[psutil.Process]) -> bool:
    return not any(map(_lives, processes))


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:  # it went in between
        return False


async def in_hand(serving: Server, seconds: float) -> "asyncio.Task[httpx.Response | None]":
    """Send a request that lasts, and return once a worker has it in hand."""

    async def ask() -> httpx.Response | None:
        async with httpx.AsyncClient(base_url=serving.url, timeout=60) as client:
            try:
                return await client.get(WAIT, params={"seconds": seconds})
            except httpx.TransportError:
                return None

    asking = asyncio.create_task(ask())
    await until(lambda: BEGUN in serving.output(), PATIENCE, interval=0.05)
    return asking


async def test_neither_workers_nor_the_embedded_database_outlive_a_supervisor_that_is_killed(
    folder: Path, full: bool
) -> None:
    for kind in ("granian", "uvicorn") if full else ("granian",):
        await kill_the_supervisor(folder, kind)


async def kill_the_supervisor(folder: Path, kind: str) -> None:
    """Kill it while a worker has a request in hand; wait until all are gone, the request answered."""
    async with server(folder, EMBEDDED | {"HEXASTAR__SERVER": kind}, "--workers", "2", name=kind) as serving:
        workers, database = serving.workers(), databases(folder)
        assert len(workers) == 2
        assert database
        asking = await in_hand(serving, 2)
        serving.send(signal.SIGKILL)
        await until(lambda: gone(workers), PATIENCE, interval=0.05)
        await until(lambda: gone(database), PATIENCE, interval=0.05)
        answer = await asking
    assert answer is not None
    assert answer.status_code == 200


async def test_every_worker_hears_at_once_that_its_supervisor_is_gone_also_while_another_has_not_ended(
    postgres: Cluster, folder: Path, full: bool
) -> None:
    for kind in ("uvicorn", "granian") if full else ("uvicorn",):
        dsn = await postgres.create_database(f"orphans_{kind}")
        environ = environment(dsn, "tally.plugin", SERVER=kind, HTTP__DRAIN_DELAY=str(LONG))
        async with server(folder, environ, "--workers", "2", name=kind) as serving:
            serving.send(signal.SIGKILL)
            await until(lambda serving=serving: serving.output().count("told to stop") == 2, PATIENCE, interval=0.05)


async def test_every_signal_to_stop_lets_requests_in_hand_finish(postgres: Cluster, folder: Path, full: bool) -> None:
    for kind, storms in (("granian", STORMS), ("uvicorn", STORMS)) if full else REDUCED:
        dsn = await postgres.create_database(f"stops_{kind}")
        for number, times, to_group in storms:
            await storm(folder, environment(dsn, "tally.plugin", SERVER=kind), number, times, to_group=to_group)


async def storm(folder: Path, environ: dict[str, str], number: signal.Signals, times: int, *, to_group: bool) -> None:
    """Send a signal, once or often, to the supervisor or to all, while a request is in hand."""
    name = f"{environ['HEXASTAR__SERVER']}-{number.name}-{times}-{to_group}"
    async with server(folder, environ, "--workers", "2", name=name) as serving:
        family, asking = serving.family(), await in_hand(serving, 1)
        for _ in range(times):
            (serving.send_group if to_group else serving.send)(number)
        assert await serving.ended() == 0, serving.output()
        await until(lambda: gone(family), PATIENCE, interval=0.05)
        answer = await asking
    assert answer is not None, name
    assert answer.status_code == 200
    assert "Traceback" not in serving.output()


@pytest.mark.parametrize(("kind", "workers"), [("uvicorn", "1"), ("uvicorn", "2"), ("granian", "1")])
async def test_a_second_signal_skips_the_drain(postgres: Cluster, folder: Path, kind: str, workers: str) -> None:
    dsn = await postgres.create_database(f"drain_{kind}_{workers}")
    environ = environment(dsn, "tally.plugin", SERVER=kind, HTTP__DRAIN_DELAY=str(LONG))
    async with server(folder, environ, "--workers", workers) as serving:
        async with httpx.AsyncClient(base_url=serving.url, timeout=10, headers={"Connection": "close"}) as client:

            async def is_unready() -> bool:
                return (await client.get("/health/ready")).status_code == 503

            serving.send(signal.SIGTERM)
            await serving.until(is_unready)
            assert (await client.get("/api/v1/tally/entries")).status_code == 200
        await asyncio.sleep(1.5)  # two signals within a second are one
        assert serving.running
        serving.send(signal.SIGTERM)
        assert await serving.ended() == 0


def test_who_waits_for_a_sign_of_life_of_a_worker_notices_its_end() -> None:
    worker = Forked(uvicorn.Config("core.nothing:here", log_config=None), [])
    worker.start()
    worker.process.join(60)
    assert worker.parent_conn.poll(5)
    assert not worker.ping()
    worker.kill()
