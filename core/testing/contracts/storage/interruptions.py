"""Connections that are lost and statements that are cancelled: what is told, and what becomes of the pool."""

import asyncio

import pytest
from sqlalchemy import insert

from core.testing.contracts.storage.accounts import (
    BACKEND,
    COUNT,
    OPEN,
    SLEEP,
    SLOW_UPDATE,
    Slow,
)
from core.testing.contracts.storage.backends import running, terminate
from core.testing.waiting import until
from ports.errors import OutcomeUnknown, Unavailable
from ports.storage import Command, Connection, Storage


class LostConnections:
    """What did not happen is Unavailable, what may have happened OutcomeUnknown; the next caller gets a sound one."""

    async def test_a_connection_lost_in_a_transaction_is_unavailable_and_replaced(
        self, small: Storage, admin: Connection
    ) -> None:
        transaction = small.transaction()
        await transaction.execute(OPEN, email="a")
        await terminate(admin, await transaction.fetch_one(BACKEND))
        with pytest.raises(Unavailable):
            await transaction.execute(OPEN, email="b")
        with pytest.raises(Unavailable):
            await transaction.commit()
        assert await small.fetch_one(COUNT) == 0

    async def test_rolling_back_on_a_lost_connection_is_quiet(self, small: Storage, admin: Connection) -> None:
        transaction = small.transaction()
        await transaction.execute(OPEN, email="a")
        await terminate(admin, await transaction.fetch_one(BACKEND))
        await transaction.rollback()
        assert await small.fetch_one(COUNT) == 0

    async def test_a_connection_lost_under_a_read_is_unavailable(self, small: Storage, admin: Connection) -> None:
        reading = asyncio.ensure_future(small.fetch_one(SLEEP))
        await terminate(admin, await running(admin, "SELECT pg_sleep"))
        with pytest.raises(Unavailable):
            await reading
        assert await small.fetch_one(COUNT) == 0

    async def test_a_connection_lost_under_a_command_leaves_the_outcome_unknown(
        self, small: Storage, admin: Connection
    ) -> None:
        await small.execute(OPEN, email="a")
        writing = asyncio.ensure_future(small.execute(SLOW_UPDATE))
        await terminate(admin, await running(admin, "UPDATE contract"))
        with pytest.raises(OutcomeUnknown) as doubt:
            await writing
        assert doubt.value.reference == "statement"

    async def test_a_connection_lost_under_the_commit_leaves_the_outcome_unknown(
        self, small: Storage, admin: Connection
    ) -> None:
        transaction = small.transaction()
        await transaction.execute(Command(insert(Slow).values(id=1)))
        committing = asyncio.ensure_future(transaction.commit())
        await terminate(admin, await running(admin, "COMMIT"))
        with pytest.raises(OutcomeUnknown) as doubt:
            await committing
        assert doubt.value.reference == "commit"
        assert await small.fetch_one(COUNT) == 0

    async def test_a_pool_whose_connections_were_all_lost_recovers_by_itself(
        self, storage: Storage, admin: Connection
    ) -> None:
        transactions = [storage.transaction() for _ in range(8)]
        backends = [await transaction.fetch_one(BACKEND) for transaction in transactions]
        for transaction in transactions:
            await transaction.rollback()
        for backend in backends:
            await terminate(admin, backend)

        async def answers() -> bool:
            try:
                await storage.ping()
            except Unavailable:
                return False
            return True

        await until(answers)
        assert await asyncio.gather(*(storage.fetch_one(COUNT) for _ in range(20))) == [0] * 20


class Cancellation:
    """Whoever is cancelled leaves nothing behind."""

    async def test_a_cancelled_read_stops_on_the_server_and_gives_the_connection_back(
        self, small: Storage, admin: Connection
    ) -> None:
        reading = asyncio.ensure_future(small.fetch_one(SLEEP))
        await running(admin, "SELECT pg_sleep")
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert await small.fetch_one(COUNT) == 0
        assert not await admin.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'"
        )

    async def test_a_cancelled_transaction_never_reaches_the_next_user(self, small: Storage, admin: Connection) -> None:
        async def work() -> None:
            transaction = small.transaction()
            try:
                await transaction.execute(OPEN, email="a")
                await transaction.fetch_one(SLEEP)
            finally:
                await transaction.rollback()

        working = asyncio.ensure_future(work())
        await running(admin, "SELECT pg_sleep")
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working
        assert await small.execute(OPEN, email="b") == 1
        assert await admin.fetchval("SELECT array_agg(email) FROM contract.accounts") == ["b"]

    async def test_a_commit_that_is_cancelled_does_not_poison_the_pool(self, small: Storage, admin: Connection) -> None:
        transaction = small.transaction()
        await transaction.execute(Command(insert(Slow).values(id=1)))
        committing = asyncio.ensure_future(transaction.commit())
        await running(admin, "COMMIT")
        committing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await committing
        assert await small.execute(OPEN, email="b") == 1
        assert await admin.fetchval("SELECT count(*) FROM contract.accounts") == 1
