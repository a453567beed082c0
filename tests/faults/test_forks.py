"""What a fork copies: a server's workers share with their supervisor, and with one another, nothing that is in use."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from tests.faults.kit.cluster import Cluster
from tests.faults.kit.processes import PACKAGES, ROOT, environment, server
from tests.faults.test_stops import EMBEDDED

OBSERVER = """
import json, os, sys, threading

def observe():
    if "multiprocessing.popen_fork" in sys.modules and os.environ.get("FORKS"):
        with open(os.environ["FORKS"], "a") as forks:
            seen = [[one.name for one in threading.enumerate()], len(os.listdir("/proc/self/task"))]
            forks.write(json.dumps(seen) + "\\n")

os.register_at_fork(before=observe)
"""
"""Python runs a module of this name at every start; it notes which threads run at each fork."""

NUMBERS = """
import multiprocessing, random, sys
from core.clock import new_id

def draw(pipe):
    pipe.send([*(str(new_id()) for _ in range(2000)), *(f"{random.getrandbits(128):032x}" for _ in range(2000))])

drawn = [str(new_id()), f"{random.getrandbits(128):032x}"]
context = multiprocessing.get_context("fork")
for _ in range(3):
    here, there = context.Pipe()
    child = context.Process(target=draw, args=(there,))
    child.start()
    drawn += here.recv()
    child.join()
print(len(drawn) - len(set(drawn)))
"""


@pytest.fixture
def observed(folder: Path) -> dict[str, str]:
    """The environment in which every fork is noted, with a receiver of traces that is away."""
    site = folder / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(OBSERVER)
    return {
        "PYTHONPATH": os.pathsep.join(map(str, (site, ROOT, PACKAGES))),
        "FORKS": str(folder / "forks"),
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
    }


@pytest.mark.parametrize(("storage", "fate"), [("embedded", signal.SIGKILL), ("postgres", signal.SIGSTOP)])
async def test_a_supervisor_forks_without_threads_and_without_connections(
    postgres: Cluster, folder: Path, observed: dict[str, str], storage: str, fate: signal.Signals
) -> None:
    """A worker that is killed is replaced, and one that hangs as well."""
    environ = EMBEDDED
    if storage == "postgres":
        environ = environment(await postgres.create_database("forks"), "tally.plugin")
    environ = environ | observed | {"HEXASTAR__SERVER": "uvicorn"}
    async with server(folder, environ, "--workers", "2") as serving:
        supervisor = psutil.Process(serving.pid)
        assert {one.status for one in supervisor.net_connections("inet")} == {psutil.CONN_LISTEN}
        serving.workers()[0].send_signal(fate)
        await serving.until(lambda: has_forked(folder, 3))
        assert noted(folder) == [[["MainThread"], 1]] * 3
        assert "DeprecationWarning" not in serving.output()


async def has_forked(folder: Path, times: int) -> bool:
    return len(noted(folder)) >= times


def noted(folder: Path) -> list[list[object]]:
    """Return which threads ran at each fork that has been noted."""
    return [json.loads(line) for line in (folder / "forks").read_text().splitlines()]


async def test_forked_processes_draw_numbers_of_their_own() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", NUMBERS), cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, stdout=asyncio.subprocess.PIPE
    )
    told, _ = await process.communicate()
    assert process.returncode == 0
    assert told.split() == [b"0"]
