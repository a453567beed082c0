"""A PostgreSQL server of one's own on a port of the loopback: its data safe on disk, stopped and started at will."""

import asyncio
import shlex
import signal
import socket
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Literal

import asyncpg
import psutil

from adapters.storage.server_programs import account_for, initialise, private_folder, run_program
from ports.secrets import Secret

PATIENCE = 120.0
NOT_READY = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InternalClientError)


class Cluster:
    """A server that keeps what it has acknowledged: `fsync`, `synchronous_commit` and `full_page_writes` are on."""

    def __init__(self, folder: Path, port: int, settings: dict[str, str]) -> None:
        self.port = port
        self._data_dir = folder / "cluster"
        self._socket_dir = folder / "socket"
        self._log = folder / "cluster.log"
        self._account = account_for(self._data_dir)
        self._settings = {"max_connections": "100", "unix_socket_permissions": "0700", **settings}

    def dsn(self, database: str = "postgres", *, port: int | None = None) -> Secret:
        """Return the address of a database; through a proxy where its `port` is given."""
        return Secret(f"postgresql://postgres@127.0.0.1:{port or self.port}/{database}")

    async def create(self) -> None:
        """Make the cluster's files."""
        for folder in (self._data_dir.parent, self._socket_dir):
            folder.mkdir(exist_ok=True)
            private_folder(folder, self._account)
        await asyncio.to_thread(initialise, self._data_dir, self._account)

    async def start(self) -> float:
        """Start the server; return the monotonic time at which it answered."""
        options = ["-h", "127.0.0.1", "-p", str(self.port), "-k", str(self._socket_dir)]
        for name, value in self._settings.items():
            options += ["-c", f"{name}={value}"]
        await self._control("start", f"--log={self._log}", f"--options={shlex.join(options)}")
        return await self.ready()

    async def stop(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """Stop the server: `fast` ends its sessions and writes everything down, `immediate` is a crash."""
        await self._control("stop", f"--mode={mode}")

    async def restart(self, mode: Literal["fast", "immediate"], down: float = 0.0) -> float:
        """Stop the server, start it `down` seconds later; return the monotonic time at which it answered."""
        await self.stop(mode)
        await asyncio.sleep(down)
        return await self.start()

    async def ready(self) -> float:
        """Wait until the server takes sessions; return the monotonic time of that."""
        async with asyncio.timeout(PATIENCE):
            while not await self._answers():  # noqa: ASYNC110 - what is waited for is in another process
                await asyncio.sleep(0.01)
        return time.monotonic()

    async def create_database(self, name: str) -> Secret:
        """Make an empty database; return its address."""
        connection = await asyncpg.connect(self.dsn().reveal())
        try:
            await connection.execute(f'CREATE DATABASE "{name}"')
        finally:
            await connection.close()
        return self.dsn(name)

    def end(self) -> None:
        """Kill what still runs."""
        with suppress(FileNotFoundError, ValueError, psutil.NoSuchProcess):
            pid = int((self._data_dir / "postmaster.pid").read_text().split("\n", 1)[0])
            process = psutil.Process(pid)
            if str(self._data_dir) in " ".join(process.cmdline()):
                process.send_signal(signal.SIGQUIT)
                process.wait(PATIENCE)

    async def _answers(self) -> bool:
        try:
            connection = await asyncpg.connect(self.dsn().reveal(), timeout=1)
        except NOT_READY:
            return False
        await connection.close()
        return True

    async def _control(self, what: str, *arguments: str) -> None:
        command = ["pg_ctl", what, f"--pgdata={self._data_dir}", "--wait", f"--timeout={PATIENCE:.0f}", *arguments]
        await asyncio.to_thread(run_program, command, self._account)


@asynccontextmanager
async def cluster(**settings: str) -> AsyncIterator[Cluster]:
    """Keep a server of one's own running; `settings` are its parameters."""
    with tempfile.TemporaryDirectory(prefix="hexastar-cluster-") as folder:
        server = Cluster(Path(folder) / "state", free_port(), settings)
        await server.create()
        try:
            await server.start()
            yield server
        finally:
            await asyncio.to_thread(server.end)


def free_port() -> int:
    """Return a port of the loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
