"""The behavioural suite of the storage port. An adapter passes it, or does not serve the port.

    class TestMine(StorageContract):
        @pytest.fixture
        def open_storage(self) -> OpenStorage: ...

`open_storage(pool_size=8, session_pool_size=8, acquire_timeout=3.0)` is an async context manager that yields the
adapter over an empty database of PostgreSQL, on which the suite makes and drops the schema `contract`.
"""

import asyncio
import enum
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest
from advanced_alchemy.repository import SQLAlchemyAsyncRepository
from sqlalchemy import ARRAY, DateTime, MetaData, Text, any_, bindparam, delete, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import Date, LargeBinary, Numeric, Uuid

from core.testing.contracts.operations import OperationsContract
from ports.errors import OutcomeUnknown, Rejected, Unavailable
from ports.storage import Command, Connection, Query, Storage

SCHEMA = """
DROP SCHEMA IF EXISTS contract CASCADE;
CREATE SCHEMA contract;
CREATE TABLE contract.accounts (
    id uuid PRIMARY KEY,
    email text NOT NULL CONSTRAINT uq_accounts_email UNIQUE,
    balance numeric(14, 2) NOT NULL DEFAULT 0,
    state text NOT NULL DEFAULT 'open',
    profile jsonb,
    tags text[] NOT NULL DEFAULT '{}',
    born date,
    picture bytea,
    seen_at timestamptz,
    parent uuid CONSTRAINT fk_accounts_parent REFERENCES contract.accounts DEFERRABLE INITIALLY DEFERRED
);
CREATE TABLE contract.slow (id int PRIMARY KEY);
CREATE FUNCTION contract.dawdle() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_sleep(60); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER slow_commit AFTER INSERT ON contract.slow DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION contract.dawdle();
"""


class Base(DeclarativeBase):
    metadata = MetaData(schema="contract")


class Account(Base):
    __tablename__ = "accounts"

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=uuid4)
    email: Mapped[str] = mapped_column(Text)
    balance: Mapped[Decimal] = mapped_column(Numeric(14, 2), default=Decimal(0))
    state: Mapped[str] = mapped_column(Text, default="open")
    profile: Mapped[Any | None] = mapped_column(JSONB)
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    born: Mapped[date | None] = mapped_column(Date)
    picture: Mapped[bytes | None] = mapped_column(LargeBinary)
    seen_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    parent: Mapped[UUID | None] = mapped_column(Uuid)


class Slow(Base):
    __tablename__ = "slow"

    id: Mapped[int] = mapped_column(primary_key=True)


class Accounts(SQLAlchemyAsyncRepository[Account]):
    model_type = Account


class AccountState(enum.Enum):
    OPEN = "open"
    SHUT = "shut"


class Address(msgspec.Struct):
    city: str
    since: date


class Profile(msgspec.Struct):
    address: Address | None = None


class FullAccount(msgspec.Struct):
    id: UUID
    email: str
    balance: Decimal
    state: AccountState
    profile: Any
    tags: list[str]
    born: date | None
    picture: bytes | None
    seen_at: datetime | None
    parent: UUID | None


class Named(msgspec.Struct):
    email: str
    balance: Decimal


class WithProfile(msgspec.Struct, kw_only=True):
    profile: Profile | None


OPEN = Command(insert(Account).values(email=bindparam("email")))
OPEN_WITH_ID = Command(insert(Account).values(id=bindparam("id"), email=bindparam("email")))
OPEN_RETURNING = Command(insert(Account).values(email=bindparam("email")).returning(Account.id), into=UUID)
OPEN_FULL = Command(
    insert(Account).values(
        {
            name: bindparam(name)
            for name in ("email", "balance", "state", "profile", "tags", "born", "picture", "seen_at")
        }
    )
)
OPEN_CHILD = Command(insert(Account).values(email=bindparam("email"), parent=bindparam("parent")))
RAISE = Command(update(Account).where(Account.email == bindparam("who")).values(balance=Account.balance + 1))
CLOSE_ALL = Command(delete(Account))
FULL = Query(select(Account).where(Account.email == bindparam("email")), into=FullAccount)
NAMED = Query(select(Account.email, Account.balance).order_by(Account.email), into=Named)
EMAILS = Query(select(Account.email).order_by(Account.email), into=str)
COUNT = Query(select(func.count()).select_from(Account), into=int)
BACKEND = Query(select(func.pg_backend_pid()), into=int)
SLEEP = Query(select(func.pg_sleep(60).is_(None)), into=bool)
SLOW_UPDATE = Command(update(Account).where(func.pg_sleep(60).is_not(None)).values(state="shut"))


class OpenStorage(Protocol):
    def __call__(
        self, *, pool_size: int = 8, session_pool_size: int = 8, acquire_timeout: float = 3.0
    ) -> AbstractAsyncContextManager[Storage]: ...


async def eventually(condition: Callable[[], Awaitable[Any]], patience: float = 10.0) -> Any:
    """Return the condition's first true value; fail after `patience` seconds."""
    deadline = time.monotonic() + patience
    while not (value := await condition()):
        assert time.monotonic() < deadline, "the condition did not come true in time"
        await asyncio.sleep(0.005)
    return value


class StorageContract(OperationsContract):
    """What every storage adapter does. Subclasses give the fixture `open_storage`."""

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

    # The compiled door outside transactions

    async def test_a_row_becomes_the_struct_and_no_row_is_none(self, storage: Storage) -> None:
        assert await storage.fetch_one(FULL, email="a@b.c") is None
        await storage.execute(OPEN, email="a@b.c")
        account = await storage.fetch_one(FULL, email="a@b.c")
        assert account is not None
        assert (account.email, account.state, account.balance) == ("a@b.c", AccountState.OPEN, Decimal(0))

    async def test_all_rows_come_in_the_statements_order(self, storage: Storage) -> None:
        for email in ("c", "a", "b"):
            await storage.execute(OPEN, email=email)
        assert await storage.fetch_all(EMAILS) == ["a", "b", "c"]
        assert [row.email for row in await storage.fetch_all(NAMED)] == ["a", "b", "c"]

    async def test_values_of_every_type_come_back_as_they_were_given(self, storage: Storage) -> None:
        given = {
            "email": "naïve@例え.jp",
            "balance": Decimal("123456789012.34"),
            "state": "shut",
            "profile": {"a": [1, 2.5, None, "ü\u2028", {"b": True}], "": 2**53},
            "tags": ["x", "", 'with "quotes", {braces} and NULL'],
            "born": date(1900, 2, 28),
            "picture": bytes(range(256)),
            "seen_at": datetime(2024, 2, 29, 23, 59, 59, 123456, tzinfo=timezone(timedelta(hours=5, minutes=30))),
        }
        await storage.execute(OPEN_FULL, **given)
        account = await storage.fetch_one(FULL, email=given["email"])
        assert account is not None
        assert msgspec.structs.asdict(account) == given | {
            "id": account.id,
            "state": AccountState.SHUT,
            "parent": None,
        }
        assert isinstance(account.balance, Decimal)
        assert account.seen_at is not None
        assert account.seen_at.utcoffset() == timedelta(0)

    async def test_none_is_sql_null_in_json_columns_too(self, storage: Storage, admin: Connection) -> None:
        await storage.execute(
            OPEN_FULL,
            email="n",
            balance=Decimal(0),
            state="open",
            profile=None,
            tags=[],
            born=None,
            picture=None,
            seen_at=None,
        )
        assert await admin.fetchval("SELECT profile IS NULL FROM contract.accounts")

    async def test_a_json_column_becomes_the_struct_of_its_field(self, storage: Storage, admin: Connection) -> None:
        await storage.execute(OPEN, email="a")
        await admin.execute(
            """UPDATE contract.accounts SET profile = '{"address": {"city": "Rome", "since": "2020-02-29"}}'"""
        )
        found = await storage.fetch_one(Query(select(Account.profile), into=WithProfile))
        assert found == WithProfile(profile=Profile(Address("Rome", date(2020, 2, 29))))

    async def test_a_list_is_passed_as_an_array(self, storage: Storage) -> None:
        for email in ("a", "b", "c"):
            await storage.execute(OPEN, email=email)
        among = Query(
            select(func.count()).where(Account.email == any_(bindparam("emails", type_=ARRAY(Text)))), into=int
        )
        assert await storage.fetch_one(among, emails=["a", "c", "z"]) == 2
        assert await storage.fetch_one(among, emails=[]) == 0

    async def test_parameters_that_do_not_fit_are_told_before_anything_is_sent(self, storage: Storage) -> None:
        with pytest.raises(TypeError, match="missing email; unknown mail"):
            await storage.fetch_one(FULL, mail="a")
        with pytest.raises(TypeError, match="missing email"):
            await storage.transaction().execute(OPEN)

    async def test_a_command_outside_a_transaction_commits_and_counts_its_rows(
        self, storage: Storage, admin: Connection
    ) -> None:
        assert await storage.execute(OPEN, email="a") == 1
        assert await storage.execute(OPEN, email="b") == 1
        assert await admin.fetchval("SELECT count(*) FROM contract.accounts") == 2
        assert await storage.execute(RAISE, who="nobody") == 0
        assert await storage.execute(CLOSE_ALL) == 2

    async def test_a_command_with_returning_answers_its_rows(self, storage: Storage) -> None:
        made = await storage.fetch_one(OPEN_RETURNING, email="a")
        account = await storage.fetch_one(FULL, email="a")
        assert account is not None
        assert made == account.id

    async def test_a_violated_constraint_is_the_drivers_error_with_its_name(self, small: Storage) -> None:
        await small.execute(OPEN, email="a")
        with pytest.raises(asyncpg.UniqueViolationError) as violation:
            await small.execute(OPEN, email="a")
        assert violation.value.constraint_name == "uq_accounts_email"
        assert await small.fetch_one(COUNT) == 1

    async def test_statements_go_on_after_a_column_has_changed_its_type(
        self, small: Storage, admin: Connection
    ) -> None:
        await small.execute(OPEN, email="a")
        query = Query(select(Account.email, Account.balance), into=Named)
        assert await small.fetch_one(query) == Named("a", Decimal(0))
        await admin.execute("ALTER TABLE contract.accounts ALTER balance TYPE numeric(16, 4)")
        assert await small.fetch_one(query) == Named("a", Decimal(0))

    # Streams

    async def test_a_stream_yields_every_row(self, storage: Storage, admin: Connection) -> None:
        await admin.execute(
            "INSERT INTO contract.accounts (id, email) SELECT gen_random_uuid(), lpad(n::text, 5, '0') "
            "FROM generate_series(1, 1234) n"
        )
        emails = [email async for email in storage.stream(EMAILS)]
        assert len(emails) == 1234
        assert emails == sorted(emails)

    async def test_a_stream_left_early_gives_its_connection_back_clean(self, small: Storage, admin: Connection) -> None:
        await admin.execute(
            "INSERT INTO contract.accounts (id, email) "
            "SELECT gen_random_uuid(), n::text FROM generate_series(1, 2000) n"
        )
        async with aclosing(small.stream(EMAILS)) as emails:  # type: ignore[type-var]
            async for _ in emails:
                break
        assert await small.fetch_one(COUNT) == 2000
        assert await small.execute(CLOSE_ALL) == 2000

    # Transactions

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

    # Lost connections

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

        await eventually(answers)
        assert await asyncio.gather(*(storage.fetch_one(COUNT) for _ in range(20))) == [0] * 20

    # Cancellation

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

    # The pool

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
        await eventually(lambda: gone(admin, mine, pids))

    # Dedicated connections

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

    # The session door

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


async def running(admin: Connection, statement: str) -> int:
    """Return the backend that runs a statement with this beginning, once one does."""
    query = (
        "SELECT pid FROM pg_stat_activity "
        "WHERE state = 'active' AND pid <> pg_backend_pid() AND datname = current_database() AND query LIKE $1"
    )
    found: int = await eventually(lambda: admin.fetchval(query, f"{statement}%"))
    return found


async def terminate(admin: Connection, backend: int | None) -> None:
    """End a backend and wait until it is gone."""
    await admin.execute("SELECT pg_terminate_backend($1)", backend)
    await eventually(lambda: gone(admin, "SELECT count(*) FROM pg_stat_activity WHERE pid = $1", backend))


async def gone(admin: Connection, count: str, *arguments: Any) -> bool:
    return not await admin.fetchval(count, *arguments)
