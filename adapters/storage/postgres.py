"""A PostgreSQL server that somebody runs for us."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated
from urllib.parse import urlsplit

import msgspec

from adapters.storage.asyncpg_storage import AsyncpgStorage, PoolSizes, open_storage
from ports.secrets import Secret

PoolSize = Annotated[int, msgspec.Meta(ge=1, le=1000)]


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where the server is and how much of it one process may use.

    Attributes:
        dsn: `postgresql://user:password@host:port/database?sslmode=verify-full`.
        pool_size: connections of the compiled door.
        session_pool_size: connections of the session door, opened when it is first used.
        acquire_timeout: seconds to wait for a connection before the caller is told to come back.
    """

    dsn: Secret
    pool_size: PoolSize = 8
    session_pool_size: PoolSize = 8
    acquire_timeout: Annotated[float, msgspec.Meta(gt=0)] = 5.0

    def __post_init__(self) -> None:
        """Refuse what is no address of a PostgreSQL database."""
        try:
            address = urlsplit(self.dsn.reveal())
            sound = address.scheme in {"postgresql", "postgres"} and address.port != 0
        except ValueError:
            sound = False
        if not sound:
            raise ValueError("dsn: expected postgresql://user:password@host:port/database")


@asynccontextmanager
async def open(settings: Settings) -> AsyncIterator[AsyncpgStorage]:  # noqa: A001 - the name every adapter has
    """Yield the store at `settings.dsn`.

    Raises:
        Unavailable: the server does not answer.
        Rejected: it is older than PostgreSQL 15 (`server_version`) or allows fewer connections than one process
            may hold (`connection_budget`).
    """
    sizes = PoolSizes(settings.pool_size, settings.session_pool_size, settings.acquire_timeout)
    async with open_storage(settings.dsn, sizes) as storage:
        yield storage
