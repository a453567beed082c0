"""HUP: workers are replaced one after another while others serve; a process without a supervisor stops as for TERM."""

import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from core.testing.waiting import until
from tests.faults.kit.cluster import Cluster
from tests.faults.kit.processes import PATIENCE, Server, environment, server
from tests.faults.test_stops import gone, in_hand


@pytest.fixture(autouse=True)
def heard() -> Iterator[None]:
    """Have what is started here hear HUP, also where whoever runs the tests does not, as under `nohup`."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("kind", ["uvicorn", "granian"])
async def test_a_supervisor_that_hears_hup_replaces_its_workers_and_nothing_in_hand_is_lost(
    postgres: Cluster, folder: Path, kind: str
) -> None:
    dsn = await postgres.create_database(f"hangups_{kind}")
    environ = environment(dsn, "tally.plugin", SERVER=kind)
    async with server(folder, environ, "--workers", "2") as serving:
        asking, first = await in_hand(serving, 1), serving.workers()
        serving.send(signal.SIGHUP)
        await until(lambda: gone(first) and len(serving.workers()) == len(first), PATIENCE)
        answer = await asking
        assert answer is not None
        assert answer.status_code == 200
        await keeps_its_workers_where_new_ones_do_not_come_up(serving, folder)
        await stops_also_while_it_replaces(serving)
    assert "Traceback" not in serving.output()


async def keeps_its_workers_where_new_ones_do_not_come_up(serving: Server, folder: Path) -> None:
    workers = serving.workers()
    (folder / "plugins.toml").write_text("nonsense = 1\n")
    serving.send(signal.SIGHUP)
    await until(lambda: "does not come up: the others stay" in serving.output(), PATIENCE)
    await until(lambda: serving.workers() == workers, PATIENCE)
    await serving.ready()
    (folder / "plugins.toml").write_text("")


async def stops_also_while_it_replaces(serving: Server) -> None:
    workers = serving.workers()
    serving.send(signal.SIGHUP)
    await until(lambda: len(serving.workers()) > len(workers), PATIENCE)
    family: list[psutil.Process] = serving.family()
    serving.send(signal.SIGTERM)
    assert await serving.ended() == 0, serving.output()
    await until(lambda: gone(family), PATIENCE)


async def test_a_process_without_a_supervisor_that_hears_hup_finishes_what_it_has_in_hand(
    postgres: Cluster, folder: Path
) -> None:
    dsn = await postgres.create_database("hangup")
    async with server(folder, environment(dsn, "tally.plugin", SERVER="uvicorn")) as serving:
        asking = await in_hand(serving, 1)
        serving.send(signal.SIGHUP)
        assert await serving.ended() == 0
        answer = await asking
    assert answer is not None
    assert answer.status_code == 200
