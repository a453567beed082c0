"""The compiled door outside transactions: rows become Structs, parameters are checked, commands commit."""

from contextlib import aclosing
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

import asyncpg
import msgspec
import pytest
from sqlalchemy import ARRAY, Text, any_, bindparam, func, select

from core.testing.contracts.storage.accounts import (
    CLOSE_ALL,
    COUNT,
    EMAILS,
    FULL,
    NAMED,
    OPEN,
    OPEN_FULL,
    OPEN_RETURNING,
    RAISE,
    Account,
    AccountState,
    Address,
    Named,
    Profile,
    WithProfile,
)
from ports.storage import Connection, Query, Storage


class CompiledDoor:
    """One statement, one answer; what it changed is committed."""

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


class Streams:
    """Rows that come as they are asked for."""

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
