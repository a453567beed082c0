"""A server starts soon, ends as it is told at whatever moment, and leaves nothing behind."""

import asyncio
import signal
import sys
import time
from pathlib import Path
from statistics import median

import httpx
import psutil
import pytest

from core.testing.waiting import until
from tests.faults.kit.orchard import Orchard
from tests.faults.kit.processes import ROOT, free_port, server, start_command, worker

LEFT_BEHIND = (
    "Task was destroyed",
    "never retrieved",
    "never awaited",
    "ResourceWarning",
    "unclosed",
    "Traceback",
    "Fatal error",
)
"""What Python says of something that nobody ended."""

PATIENCE = 60.0
IN_FLIGHT = 20
RESTING = 1500


def left_behind(output):
    return [line for line in output.splitlines() if any(word in line for word in LEFT_BEHIND)]


@pytest.fixture(scope="module")
async def database(postgres, tmp_path_factory):
    """The address of a database with the orchard in it."""
    return Orchard(tmp_path_factory.mktemp("orchard"), await postgres.create_database("start_stop"))


@pytest.mark.parametrize("kind", ["uvicorn", "granian"])
async def test_told_to_stop_under_traffic_it_finishes_what_it_began_and_leaves_nothing_behind(
    folder, database, kind, figure
):
    environ = database.environ(SERVER=kind, JOBS__IN_PROCESS="true") | {"PYTHONDEVMODE": "1"}
    async with server(folder, environ) as serving, httpx.AsyncClient(base_url=serving.url, timeout=30) as client:
        path = f"/api/v1/orchard/rest/{RESTING}"
        requests = [asyncio.create_task(client.get(path)) for _ in range(IN_FLIGHT)]
        await until(lambda: _rest(client, IN_FLIGHT), PATIENCE)
        asked = time.monotonic()
        serving.send(signal.SIGTERM)
        code = await serving.ended()
        took = time.monotonic() - asked
        answers = await asyncio.gather(*requests)
    assert [answer.status_code for answer in answers] == [200] * IN_FLIGHT
    assert code == 0
    assert left_behind(serving.output()) == []
    name = f"TERM to exit, {kind}, {IN_FLIGHT} requests of {RESTING / 1000} s in flight"
    figure("G49", name, took, "s", at_most=RESTING / 1000 + 2)


async def _rest(client, count):
    return (await client.get("/api/v1/orchard/resting")).json()["resting"] == count


async def test_a_worker_that_is_told_to_stop_leaves_nothing_behind_and_its_probe_sees_it_till_then(
    folder, database, figure
):
    environ = database.environ() | {"PYTHONDEVMODE": "1"}
    async with worker(folder, environ) as working:
        await until(lambda: _probe(folder, environ, "at work"), PATIENCE)
        asked = time.monotonic()
        assert await working.stop() == 0
        figure("G49", "TERM to exit, an idle worker", time.monotonic() - asked, "s", at_most=2)
    assert left_behind(working.output()) == []
    assert list((folder / "var" / "workers").iterdir()) == []


async def _probe(folder, environ, words):
    async with start_command(folder, environ, "workers", "check") as probe:
        code = await probe.ended()
        assert code == int(words not in probe.output()), probe.output()
        return code == 0


async def test_a_start_is_soon_ready_also_after_a_kill_and_at_the_same_port(folder, database, full, figure):
    ready, stopped, port = [], [], free_port()
    for number in range(10 if full else 2):
        began = time.monotonic()
        async with server(folder, database.environ(), name=f"server-{number}", port=port) as serving:
            ready.append(time.monotonic() - began)
            if number % 2:
                asked = time.monotonic()
                assert await serving.stop() == 0
                stopped.append(time.monotonic() - asked)
            else:
                await serving.kill()
    figure("G49", f"cold start to ready, median of {len(ready)}", median(ready), "s", at_most=3)
    figure("G49", f"TERM to exit of an idle server, median of {len(stopped)}", median(stopped), "s", at_most=2)


async def test_importing_the_application_is_quick(full, figure):
    timed = "import time; began = time.perf_counter(); import app; print(time.perf_counter() - began)"
    seconds = []
    for _ in range(10 if full else 2):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", timed), cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, stdout=asyncio.subprocess.PIPE
        )
        told, _ = await process.communicate()
        assert process.returncode == 0
        seconds.append(float(told))
    figure("G49", f"import of the application, median of {len(seconds)}", median(seconds), "s", at_most=1.5)


MOMENTS = [("uvicorn", "Waiting for application"), ("granian", "Listening at")]
MORE_MOMENTS = [
    *(("uvicorn", "Hexastar serves"), ("uvicorn", "embedded PostgreSQL"), ("uvicorn", "migrating core")),
    *(("granian", "Hexastar serves"), ("granian", "Spawning worker"), ("granian", "migrating core")),
]


async def test_told_to_stop_while_it_starts_it_ends_and_stops_the_database_that_it_had_begun_to_start(
    folder, full, figure
):
    for number, (kind, moment) in enumerate([*MOMENTS, *(MORE_MOMENTS if full else [])]):
        state = folder / f"state-{number}"
        environ = {"HEXASTAR__SERVER": kind, "HEXASTAR__STATE_DIR": str(state)}
        async with server(folder, environ, name=f"server-{number}", wait=False) as serving:
            await serving.until(lambda serving=serving, moment=moment: _said(serving, moment))
            asked = time.monotonic()
            serving.send(signal.SIGTERM)
            code = await serving.ended()
            figure("G49", f"TERM to exit, {kind}, at {moment!r}", time.monotonic() - asked, "s", at_most=10)
            assert serving.family() == []
        assert code == 0, serving.output()
        assert left_behind(serving.output()) == []
        assert [process for process in psutil.process_iter(["cmdline"]) if _is_over(process, state)] == []


async def _said(serving, words):
    return words in serving.output()


def _is_over(process, folder):
    return any(str(folder) in argument for argument in process.info["cmdline"] or [])


async def within_no_bytes(folder: Path, *arguments: str) -> tuple[int, str]:
    """Run a command that may write to no file, as on a full disk; return its exit code and all that it printed."""
    program = str(Path(sys.executable).with_name("hexastar"))
    (folder / "plugins.toml").touch()
    process = await asyncio.create_subprocess_exec(
        *("sh", "-c", 'ulimit -f 0; exec "$@"', "sh", program, *arguments),
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    told, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, told.decode()


async def test_on_a_full_disk_a_first_start_says_so_in_one_line_and_a_later_one_needs_no_room(folder):
    code, output = await within_no_bytes(folder, "run", "--port", str(free_port()))
    assert code == 78
    assert output.splitlines()[0] == "Error: The configuration has 1 fault:"
    assert "the key cannot be kept here: File too large (name a state_dir with room" in output.splitlines()[1]
    assert len(output.splitlines()) == 2
    async with start_command(folder, environment_without_database(), "check") as first:
        assert await first.ended() == 0, first.output()
    code, output = await within_no_bytes(folder, "check")
    assert code == 0, output


def environment_without_database():
    return {"HEXASTAR__PROFILE": "development"}
