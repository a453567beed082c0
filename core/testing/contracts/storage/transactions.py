"""Transactions through the compiled door: all or nothing, seen by others when it is over."""

import asyncio
from uuid import uuid4

import asyncpg
import pytest

from core.testing.contracts.storage.accounts import (
    COUNT,
    EMAILS,
    FULL,
    OPEN,
    OPEN_CHILD,
    RAISE,
)
from ports.errors import Rejected, Unavailable
from ports.storage import Connection, Storage


class Transactions:
    """What is begun with the first statement ends by a commit or never was."""

    async def test_a_transaction_that_is_never_used_sends_nothing(self, small: Storage) -> None:
        holder, unused = small.transaction(), small.transaction()
        await holder.connection()  # the only connection there is
        assert not unused.begun
        await unused.commit()
        await unused.rollback()
        await holder.rollback()

    async def test_what_is_committed_is_seen_by_others_and_not_before(
        self, storage: Storage, admin: Connection
    ) -> None:
        transaction = storage.transaction()
        assert await transaction.execute(OPEN, email="a") == 1
        assert transaction.begun
        assert await transaction.fetch_one(COUNT) == 1
        assert await transaction.fetch_all(EMAILS) == ["a"]
        assert await storage.fetch_one(COUNT) == 0
        await transaction.commit()
        assert not transaction.begun
        assert await admin.fetchval("SELECT count(*) FROM contract.accounts") == 1

    async def test_what_is_rolled_back_never_was(self, small: Storage) -> None:
        transaction = small.transaction()
        await transaction.execute(OPEN, email="a")
        await transaction.rollback()
        assert await small.fetch_one(COUNT) == 0

    async def test_ending_twice_does_nothing_more(self, small: Storage) -> None:
        first = small.transaction()
        await first.execute(OPEN, email="a")
        await first.commit()
        second = small.transaction()
        await second.execute(OPEN, email="b")
        await first.rollback()
        await first.commit()
        await second.rollback()
        await second.commit()
        assert await small.fetch_all(EMAILS) == ["a"]

    async def test_the_drivers_connection_is_within_the_transaction(self, small: Storage) -> None:
        transaction = small.transaction()
        connection = await transaction.connection()
        await connection.execute("INSERT INTO contract.accounts (id, email) VALUES ($1, 'raw')", uuid4())
        await transaction.rollback()
        assert await small.fetch_one(COUNT) == 0

    async def test_a_commit_after_a_failed_statement_says_that_it_was_none(self, small: Storage) -> None:
        await small.execute(OPEN, email="taken")
        transaction = small.transaction()
        await transaction.execute(OPEN, email="a")
        with pytest.raises(asyncpg.UniqueViolationError):
            await transaction.execute(OPEN, email="taken")
        with pytest.raises(Rejected) as refusal:
            await transaction.commit()
        assert refusal.value.code == "transaction_aborted"
        assert await small.fetch_all(EMAILS) == ["taken"]

    async def test_a_constraint_that_is_checked_at_commit_fails_the_commit(self, small: Storage) -> None:
        transaction = small.transaction()
        await transaction.execute(OPEN_CHILD, email="a", parent=uuid4())
        with pytest.raises(asyncpg.ForeignKeyViolationError) as violation:
            await transaction.commit()
        assert violation.value.constraint_name == "fk_accounts_parent"
        assert await small.fetch_one(COUNT) == 0

    async def test_concurrent_transactions_lose_no_update(self, storage: Storage) -> None:
        await storage.execute(OPEN, email="a")

        async def raise_once() -> None:
            transaction = storage.transaction()
            await transaction.execute(RAISE, who="a")
            await transaction.commit()

        await asyncio.gather(*(raise_once() for _ in range(60)))
        account = await storage.fetch_one(FULL, email="a")
        assert account is not None
        assert account.balance == 60

    async def test_a_deadlock_is_unavailable_to_one_and_nothing_to_the_other(self, storage: Storage) -> None:
        for email in ("a", "b"):
            await storage.execute(OPEN, email=email)
        barrier = asyncio.Barrier(2)

        async def cross(first: str, second: str) -> bool:
            transaction = storage.transaction()
            try:
                await (await transaction.connection()).execute("SET LOCAL deadlock_timeout = '10ms'")
                await transaction.execute(RAISE, who=first)
                await barrier.wait()
                await transaction.execute(RAISE, who=second)
                await transaction.commit()
            except Unavailable:
                return False
            else:
                return True
            finally:
                await transaction.rollback()

        assert sorted(await asyncio.gather(cross("a", "b"), cross("b", "a"))) == [False, True]
