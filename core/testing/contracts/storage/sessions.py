"""The session door: objects and repositories, in SQLAlchemy's words for violations and the port's for the rest."""

from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import IntegrityError

from core.testing.contracts.storage.accounts import COUNT, EMAILS, FULL, OPEN, Account, Accounts
from core.testing.contracts.storage.backends import terminate
from ports.errors import Rejected, Unavailable
from ports.storage import Connection, Storage


class SessionDoor:
    """An AsyncSession over the same database, as sound as the other door."""

    async def test_a_session_works_with_objects_and_repositories(self, storage: Storage) -> None:
        async with storage.session() as session:
            accounts = Accounts(session=session)
            added = await accounts.add(Account(email="a", profile={"k": [1]}, tags=["x"], balance=Decimal("1.50")))
            await session.commit()
            assert added.email == "a"  # not expired by the commit
        found = await storage.fetch_one(FULL, email="a")
        assert found is not None
        assert (found.id, found.profile, found.tags, found.balance) == (added.id, {"k": [1]}, ["x"], Decimal("1.50"))
        async with storage.session() as session:
            again = await Accounts(session=session).get_one(email="a")
            assert (again.id, again.profile, again.tags, again.balance) == (
                added.id,
                {"k": [1]},
                ["x"],
                Decimal("1.50"),
            )

    async def test_statements_on_a_sessions_driver_connection_belong_to_its_transaction(self, small: Storage) -> None:
        async with small.session() as session:
            driver: Any = (await (await session.connection()).get_raw_connection()).driver_connection
            await driver.execute("INSERT INTO contract.accounts (id, email) VALUES ($1, 'raw')", uuid4())
            await session.rollback()
        assert await small.fetch_one(COUNT) == 0

    async def test_a_session_violates_constraints_in_sqlalchemys_words(self, small: Storage) -> None:
        await small.execute(OPEN, email="a")
        async with small.session() as session:
            session.add(Account(email="a"))
            with pytest.raises(IntegrityError) as violation:
                await session.commit()
        assert violation.value.driver_exception.constraint_name == "uq_accounts_email"  # type: ignore[attr-defined]
        async with small.session() as session:
            assert await session.scalar(select(func.count()).select_from(Account)) == 1

    async def test_a_session_that_lost_a_statement_does_not_pretend_to_commit(self, small: Storage) -> None:
        await small.execute(OPEN, email="taken")
        async with small.session() as session:
            await session.execute(insert(Account).values(email="a"))
            with pytest.raises(IntegrityError):
                await session.execute(insert(Account).values(email="taken"))
            with pytest.raises(Rejected) as refusal:
                await session.commit()
        assert refusal.value.code == "transaction_aborted"
        assert await small.fetch_all(EMAILS) == ["taken"]

    async def test_a_session_that_lost_its_connection_is_unavailable_and_the_next_one_works(
        self, small: Storage, admin: Connection
    ) -> None:
        async with small.session() as session:
            await session.execute(insert(Account).values(email="a"))
            await terminate(admin, await session.scalar(select(func.pg_backend_pid())))
            with pytest.raises(Unavailable):
                await session.execute(text("SELECT 1"))
        async with small.session() as session:
            assert await session.scalar(select(func.count()).select_from(Account)) == 0

    async def test_exhausted_sessions_are_unavailable(self, small: Storage) -> None:
        async with small.session() as session:
            await session.execute(text("SELECT 1"))
            async with small.session() as another:
                with pytest.raises(Unavailable):
                    await another.execute(text("SELECT 1"))

    async def test_a_session_may_choose_another_isolation(self, small: Storage) -> None:
        async with small.session() as session:
            await session.connection(execution_options={"isolation_level": "SERIALIZABLE"})
            assert await session.scalar(text("SHOW transaction_isolation")) == "serializable"
            await session.execute(insert(Account).values(email="a"))
            await session.commit()
        async with small.session() as session:
            assert await session.scalar(text("SHOW transaction_isolation")) == "read committed"
        assert await small.fetch_one(COUNT) == 1
