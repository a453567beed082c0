"""A PostgreSQL server that somebody runs for us."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Annotated, Final
from urllib.parse import parse_qs, urlsplit

import msgspec

from adapters.network import is_this_machine
from adapters.storage.asyncpg_storage import AsyncpgStorage, PoolSizes, open_storage
from adapters.storage.patience import Patience
from ports.secrets import Secret

PoolSize = Annotated[int, msgspec.Meta(ge=1, le=1000)]
ENCRYPTED: Final = frozenset({"require", "verify-ca", "verify-full"})
"""Modes of TLS that do without it under no circumstances; `prefer`, which is what no mode means, does on demand."""

Seconds = Annotated[float, msgspec.Meta(gt=0, le=86_400)]


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where the server is and how much of it one process may use.

    Attributes:
        dsn: `postgresql://user:password@host:port/database?sslmode=verify-full`.
        pool_size: connections of the compiled door.
        session_pool_size: connections of the session door, opened when it is first used.
        acquire_timeout: seconds to wait for a connection, free or new, before the caller is told to come back.
        statement_timeout: seconds that one statement may run, through either door or on a connection of one's own,
            before it is given up; a request or a job may allow itself less.
        network_timeout: seconds that the server's host may be silent before a connection counts as lost, and after
            which the server drops a client that vanished, with its locks.
        plaintext: whether production may send password and data to another machine unencrypted: for a network that
            nobody else is on.
    """

    dsn: Secret
    pool_size: PoolSize = 8
    session_pool_size: PoolSize = 8
    acquire_timeout: Seconds = 3.0
    statement_timeout: Seconds = 30.0
    network_timeout: Annotated[float, msgspec.Meta(ge=1, le=3600)] = 15.0
    plaintext: bool = False

    def __post_init__(self) -> None:
        """Refuse what is no address of a PostgreSQL database."""
        try:
            address = urlsplit(self.dsn.reveal())
            sound = address.scheme in {"postgresql", "postgres"} and address.port != 0
        except ValueError:
            sound = False
        if not sound:
            raise ValueError("the dsn is not of the form postgresql://host:port/database")

    def unsafe(self) -> Iterator[tuple[str, str]]:
        """Yield the keys that production refuses, each with the reason."""
        address = urlsplit(self.dsn.reveal())
        options = parse_qs(address.query)
        encrypted = options.get("sslmode", [""])[-1] in ENCRYPTED
        host = address.hostname or options.get("host", [""])[-1]
        if not (encrypted or self.plaintext or is_this_machine(host)):
            yield "dsn", "it may travel in plain text; end it with ?sslmode=verify-full, or set plaintext to true"


@asynccontextmanager
async def open(settings: Settings) -> AsyncIterator[AsyncpgStorage]:  # noqa: A001 - the name every adapter has
    """Yield the store at `settings.dsn`.

    Raises:
        Unavailable: the server does not answer.
        Rejected: it is older than PostgreSQL 15 (`server_version`) or allows fewer connections than one process
            may hold (`connection_budget`).
    """
    sizes = PoolSizes(settings.pool_size, settings.session_pool_size, settings.acquire_timeout)
    patience = Patience(settings.statement_timeout, settings.network_timeout)
    async with open_storage(settings.dsn, sizes, patience) as storage:
        yield storage
