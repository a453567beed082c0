"""The storage port's embedded default: a PostgreSQL of our own on this machine, for development and tests.

It is the real thing with its data safe on disk, reachable through a Unix socket by this user alone. All processes
of one `state_dir` share it; the last to leave stops it. After a kill the next start adopts the server that still
runs, or PostgreSQL recovers. Linux and macOS; root is fine, since the server then runs as an unprivileged user.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec

from adapters.storage.asyncpg_storage import AsyncpgStorage, PoolSizes, open_storage
from adapters.storage.embedded_server import EmbeddedServer
from ports.secrets import Secret

T = TypeVar("T")
PoolSize = Annotated[int, msgspec.Meta(ge=1, le=50)]


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where the data lies and how many connections one process may use.

    Attributes:
        state_dir: the deployment's `state_dir`, which the configuration fills in.
        data_dir: the cluster's folder, relative to `state_dir`.
        pool_size: connections of the compiled door.
        session_pool_size: connections of the session door, opened when it is first used.
        acquire_timeout: seconds to wait for a connection before the caller is told to come back.
    """

    state_dir: str
    data_dir: str = "postgres"
    pool_size: PoolSize = 8
    session_pool_size: PoolSize = 8
    acquire_timeout: Annotated[float, msgspec.Meta(gt=0)] = 3.0


@asynccontextmanager
async def open(settings: Settings) -> AsyncIterator[AsyncpgStorage]:  # noqa: A001 - the name every adapter has
    """Yield the store, starting the server where no other process has.

    Raises:
        Rejected: the data folder was made by another major version of PostgreSQL (`data_directory_version`) or holds
            something else (`data_directory_foreign`).
        Unavailable: the server does not start; the message ends with its log.
    """
    sizes = PoolSizes(settings.pool_size, settings.session_pool_size, settings.acquire_timeout)
    async with (
        serving(Path(settings.state_dir) / settings.data_dir) as dsn,
        open_storage(Secret(dsn), sizes) as storage,
    ):
        yield storage


@asynccontextmanager
async def serving(data_dir: Path) -> AsyncIterator[str]:
    """Keep the server over `data_dir` running for this process; yield its DSN. Raises as `open`."""
    server = EmbeddedServer(data_dir)
    joining = asyncio.ensure_future(_in_a_thread(server.join))
    try:
        yield await asyncio.shield(joining)
    finally:
        # A start cannot be cut short, so that who is cancelled meanwhile still leaves it as found.
        await asyncio.wait([joining])
        await asyncio.shield(_in_a_thread(server.leave))


async def _in_a_thread(work: Callable[[], T]) -> T:
    """Run `work` in a thread that ends with it, unlike the loop's own: who keeps the server may be about to fork."""
    with ThreadPoolExecutor(1, "hexastar-postgres") as thread:
        return await asyncio.get_running_loop().run_in_executor(thread, work)
