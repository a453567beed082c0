"""Accounts that the suite keeps in the schema `contract`, and the statements that it asks an adapter to run."""

import enum
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import msgspec
from advanced_alchemy.repository import SQLAlchemyAsyncRepository
from sqlalchemy import ARRAY, DateTime, MetaData, Text, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import Date, LargeBinary, Numeric, Uuid

from ports.storage import Command, Query

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
