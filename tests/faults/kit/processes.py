"""Servers and workers of a deployment as processes of their own: started, killed, stopped, and looked at from outside.

Everything waits without blocking the loop, so that proxies and peers of the test may live in it.
"""

import asyncio
import os
import signal
import sys
import time
from asyncio.subprocess import STDOUT, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TypeVar

import asyncpg
import httpx
import psutil

from core.testing.waiting import until
from ports.secrets import Secret
from tests.end_to_end.served import free_port

ROOT = Path(__file__).parents[3]
PACKAGES = ROOT / "tests" / "packages"
PATIENCE = 60.0
ALL_ENDED = """
SELECT count(*) = 0 FROM core.jobs WHERE starts_with(name, $1) AND state IN ('queued', 'running')
"""
WORKERS = """
SELECT count(*) FROM pg_stat_activity WHERE application_name = 'hexastar worker' AND datname = current_database()
"""
ProgramT = TypeVar("ProgramT", bound="Program")


class Program:
    """A started `hexastar` command, the leader of a process group of its own."""

    def __init__(self, process: Process, log: Path) -> None:
        self.process = process
        self.pid = process.pid
        self.log = log

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.process.returncode is None

    def output(self) -> str:
        """Return everything that it and its children have printed."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def lines(self) -> list[str]:
        """Return its output by line."""
        return self.output().splitlines()

    def send(self, number: int = signal.SIGTERM) -> None:
        """Send a signal to the process alone."""
        with suppress(ProcessLookupError):
            self.process.send_signal(number)

    def send_group(self, number: int = signal.SIGKILL) -> None:
        """Send a signal to the process and all its children."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    async def kill(self) -> None:
        """Kill the process and all its children."""
        self.send_group(signal.SIGKILL)
        await self.ended()

    async def ended(self, seconds: float = PATIENCE) -> int:
        """Wait until it ends; return its exit code, negative for the signal that killed it."""
        async with asyncio.timeout(seconds):
            return await self.process.wait()

    async def stop(self, number: int = signal.SIGTERM, seconds: float = PATIENCE) -> int:
        """End it by a signal; return its exit code."""
        self.send(number)
        return await self.ended(seconds)

    def family(self) -> list[psutil.Process]:
        """Return the process and its children, an embedded database's left out."""
        try:
            own = psutil.Process(self.pid)
            return [one for one in (own, *own.children(recursive=True)) if _is_ours(one)]
        except psutil.NoSuchProcess:
            return []

    def workers(self) -> list[psutil.Process]:
        """Return the processes that a server's supervisor has forked or spawned to serve."""
        return [one for one in self.family()[1:] if "resource_tracker" not in " ".join(one.cmdline())]

    def cpu_seconds(self) -> float:
        """Return the processor time that the family has used."""
        return sum(sum(_times(one)) for one in self.family())

    def resident_bytes(self) -> int:
        """Return the resident memory of the family."""
        return sum(one.memory_info().rss for one in self.family())

    def open_files(self) -> int:
        """Return how many file descriptors the family holds."""
        return sum(one.num_fds() for one in self.family())

    async def cpu_share(self, seconds: float) -> float:
        """Return the part of one core that the family uses over the next `seconds`."""
        began, used = time.monotonic(), self.cpu_seconds()
        await asyncio.sleep(seconds)
        return (self.cpu_seconds() - used) / (time.monotonic() - began)


class Server(Program):
    """A started `hexastar run`."""

    def __init__(self, process: Process, log: Path, port: int) -> None:
        super().__init__(process, log)
        self.port = port
        self.url = f"http://127.0.0.1:{port}"

    async def ready(self, seconds: float = PATIENCE) -> None:
        """Wait until it is ready for requests, or fail with what it printed."""
        async with httpx.AsyncClient(base_url=self.url, timeout=5) as client:
            await self.until(lambda: _is_ready(client), seconds)

    async def until(self, condition: Callable[[], Awaitable[bool]], seconds: float = PATIENCE) -> None:
        """Wait until `condition` holds, or fail with what it printed; at once where the process has ended."""
        deadline = time.monotonic() + seconds
        while not await condition():
            assert self.running, f"the server ended with {self.process.returncode}:\n{self.output()}"
            assert time.monotonic() < deadline, f"it did not come to pass in {seconds} s:\n{self.output()}"
            await asyncio.sleep(0.02)


def environment(dsn: Secret, *plugins: str, bell: str = "storage", **keys: str) -> dict[str, str]:
    """Return the environment of a deployment on the database at `dsn`; further keys as `HTTP__MAX_BODY="1"`.

    Jobs run in processes of their own, unless `JOBS__IN_PROCESS="true"`.
    """
    return {
        "HEXASTAR__PROFILE": "test",
        "HEXASTAR__PORTS__STORAGE": "postgres",
        "HEXASTAR__ADAPTERS__STORAGE__POSTGRES__DSN": dsn.reveal(),
        "HEXASTAR__PLUGINS__ENABLED": "[" + ", ".join(f'"{name}"' for name in plugins) + "]",
        "HEXASTAR__BELL": bell,
        "HEXASTAR__JOBS__IN_PROCESS": "false",
        **{f"HEXASTAR__{key}": value for key, value in keys.items()},
    }


@asynccontextmanager
async def server(
    folder: Path,
    environ: Mapping[str, str],
    *options: str,
    name: str = "server",
    port: int | None = None,
    wait: bool = True,
) -> AsyncIterator[Server]:
    """Run `hexastar run` in `folder`; at the end stop it, and kill what is left of its group.

    The log is `<name>.log`, appended to, so that several of one folder need names of their own. With `wait` it is
    ready when this yields.
    """
    port = port or free_port()
    process, log = await _start(folder, environ, name, "run", "--port", str(port), *options)
    started = Server(process, log, port)
    async with _ending(started):
        if wait:
            await started.ready()
        yield started


@asynccontextmanager
async def worker(folder: Path, environ: Mapping[str, str], *, name: str = "worker") -> AsyncIterator[Program]:
    """Run `hexastar workers run` in `folder`; at the end stop it, and kill what is left of its group."""
    process, log = await _start(folder, environ, name, "workers", "run")
    async with _ending(Program(process, log)) as started:
        yield started


async def at_work(dsn: Secret, workers: int = 1) -> None:
    """Wait until that many workers claim jobs from the database at `dsn`."""
    connection = await asyncpg.connect(dsn.reveal())
    try:
        await until(lambda: _are_at_work(connection, workers), PATIENCE, interval=0.02)
    finally:
        await connection.close()


async def _are_at_work(connection: asyncpg.Connection, workers: int) -> bool:
    return bool(await connection.fetchval(WORKERS) >= workers)


async def jobs_ended(dsn: Secret, plugin: str) -> None:
    """Wait until no job of `plugin` is queued or runs in the database at `dsn`."""
    connection = await asyncpg.connect(dsn.reveal())
    try:
        await until(lambda: connection.fetchval(ALL_ENDED, f"{plugin}."), PATIENCE, interval=0.05)
    finally:
        await connection.close()


@asynccontextmanager
async def start_command(folder: Path, environ: Mapping[str, str], *arguments: str) -> AsyncIterator[Program]:
    """Run `hexastar` with `arguments`; at the end stop it, and kill what is left of its group."""
    process, log = await _start(folder, environ, f"command-{time.monotonic_ns()}", *arguments)
    async with _ending(Program(process, log)) as started:
        yield started


async def command(folder: Path, environ: Mapping[str, str], *arguments: str) -> tuple[int, str]:
    """Run `hexastar` with `arguments` to its end; return its exit code and all that it printed."""
    async with start_command(folder, environ, *arguments) as program:
        return await program.ended(), program.output()


async def _start(folder: Path, environ: Mapping[str, str], name: str, *arguments: str) -> tuple[Process, Path]:
    configuration = folder / "plugins.toml"
    configuration.touch()
    log = folder / f"{name}.log"
    paths = os.pathsep.join([str(ROOT), str(PACKAGES)])
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            str(Path(sys.executable).with_name("hexastar")),
            *arguments,
            cwd=folder,
            env={**os.environ, "HEXASTAR_CONFIG": str(configuration), "PYTHONPATH": paths, **environ},
            stdout=output,
            stderr=STDOUT,
            start_new_session=True,
        )
    return process, log


@asynccontextmanager
async def _ending(program: ProgramT) -> AsyncIterator[ProgramT]:
    try:
        yield program
    finally:
        with suppress(TimeoutError):
            await program.stop(seconds=PATIENCE)
        program.send_group(signal.SIGKILL)
        await program.process.wait()


async def _is_ready(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/health/ready")).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def _is_ours(process: psutil.Process) -> bool:
    try:
        return process.name() != "postgres" and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _times(process: psutil.Process) -> tuple[float, float]:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0, 0.0
    return times.user, times.system
