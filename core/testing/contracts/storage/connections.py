"""Connections: the pool's, in turn and bounded, and those that somebody has to himself."""

import asyncio

import asyncpg
import pytest
from sqlalchemy import func, select

from core.testing.contracts.storage.accounts import (
    BACKEND,
    COUNT,
    OPEN,
)
from core.testing.contracts.storage.backends import gone
from core.testing.contracts.storage.fixtures import OpenStorage
from core.testing.waiting import until
from ports.errors import Unavailable
from ports.storage import Connection, Storage


class PooledConnections:
    """They are lent in turn, waited for in bounded time, and closed with the storage."""

    async def test_an_exhausted_pool_is_unavailable_until_a_connection_comes_back(self, small: Storage) -> None:
        transaction = small.transaction()
        await transaction.fetch_one(COUNT)
        with pytest.raises(Unavailable) as refusal:
            await small.fetch_one(COUNT)
        assert refusal.value.retry_after == 1
        await transaction.rollback()
        assert await small.fetch_one(COUNT) == 0

    async def test_who_waits_is_served_in_turn(self, small: Storage) -> None:
        transaction = small.transaction()
        await transaction.fetch_one(COUNT)
        waiting = [asyncio.ensure_future(small.fetch_one(COUNT)) for _ in range(20)]
        await asyncio.sleep(0)
        waiting[3].cancel()
        await transaction.rollback()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert [result for result in results if result != 0] == [results[3]]
        assert isinstance(results[3], asyncio.CancelledError)

    async def test_a_connection_handed_to_one_who_is_leaving_serves_the_next(self, small: Storage) -> None:
        transaction = small.transaction()
        await transaction.fetch_one(COUNT)
        leaving, staying = (asyncio.ensure_future(small.fetch_one(COUNT)) for _ in range(2))
        await asyncio.sleep(0)
        await transaction.rollback()
        leaving.cancel()
        assert await staying == 0
        with pytest.raises(asyncio.CancelledError):
            await leaving

    async def test_a_closed_storage_is_unavailable(self, open_storage: OpenStorage, admin: Connection) -> None:
        async with open_storage() as storage:
            assert await storage.fetch_one(COUNT) == 0
        with pytest.raises(Unavailable):
            await storage.fetch_one(COUNT)

    async def test_closing_leaves_no_connection_behind(self, open_storage: OpenStorage, admin: Connection) -> None:
        mine = "SELECT count(*) FROM pg_stat_activity WHERE pid = any($1::int[])"
        async with open_storage() as storage:
            pids = [await storage.fetch_one(BACKEND)]
            async with storage.session() as session:
                pids.append(await session.scalar(select(func.pg_backend_pid())))
        await until(lambda: gone(admin, mine, pids))


class DedicatedConnections:
    """They belong to their caller and lead to the same database."""

    async def test_a_dedicated_connection_hears_notifications(self, storage: Storage, admin: Connection) -> None:
        connection = await storage.connect(application_name="listener")
        heard: asyncio.Queue[str] = asyncio.Queue()
        await connection.add_listener("bell", lambda *event: heard.put_nowait(event[3]))
        await admin.execute("SELECT pg_notify('bell', 'ding')")
        async with asyncio.timeout(5):
            assert await heard.get() == "ding"
        await connection.close()
        assert connection.is_closed()

    async def test_a_dedicated_connection_has_its_settings_and_is_not_the_pools(self, small: Storage) -> None:
        transaction = small.transaction()
        await transaction.fetch_one(COUNT)
        connection = await small.connect(
            application_name="claimer", server_settings={"plan_cache_mode": "force_custom_plan"}
        )
        assert await connection.fetchval("SHOW application_name") == "claimer"
        assert await connection.fetchval("SHOW plan_cache_mode") == "force_custom_plan"
        assert await connection.fetchval("SHOW timezone") == "UTC"
        assert await connection.fetchval("SELECT $1::jsonb", {"a": [1]}) == {"a": [1]}
        await connection.close()
        await transaction.rollback()

    async def test_the_dsn_leads_to_the_same_database(self, storage: Storage) -> None:
        await storage.execute(OPEN, email="a")
        connection = await asyncpg.connect(storage.dsn.reveal())
        assert await connection.fetchval("SELECT email FROM contract.accounts") == "a"
        await connection.close()

    async def test_a_ping_is_answered(self, storage: Storage) -> None:
        await storage.ping()
