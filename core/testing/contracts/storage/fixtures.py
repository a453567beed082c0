"""How the suite opens the storage under test."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import pytest

from core.testing.contracts.storage.accounts import SCHEMA
from ports.storage import Connection, Storage


class OpenStorage(Protocol):
    """Opens the adapter, each time over the same database; sizes are connections a door, the timeout is seconds."""

    def __call__(
        self, *, pool_size: int = 8, session_pool_size: int = 8, acquire_timeout: float = 3.0
    ) -> AbstractAsyncContextManager[Storage]: ...


class StorageFixtures:
    """The fixtures that every part of the suite asks for; subclasses give `open_storage`."""

    @pytest.fixture
    async def admin(self, open_storage: OpenStorage) -> AsyncIterator[Connection]:
        """A connection outside the storage under test, as an administrator would have."""
        async with open_storage() as storage:
            connection = await storage.connect(application_name="administrator")
            await connection.execute(SCHEMA)
            yield connection
            await connection.execute("DROP SCHEMA contract CASCADE")
            await connection.close()

    @pytest.fixture
    async def storage(self, open_storage: OpenStorage, admin: Connection) -> AsyncIterator[Storage]:
        async with open_storage() as storage:
            yield storage

    @pytest.fixture
    async def small(self, open_storage: OpenStorage, admin: Connection) -> AsyncIterator[Storage]:
        """A storage with one connection a door, on which a leak or a dirty connection shows at once."""
        async with open_storage(pool_size=1, session_pool_size=1, acquire_timeout=0.5) as storage:
            yield storage
