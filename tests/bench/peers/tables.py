"""The doctors' table as the peers on SQLAlchemy map it: the same table, in Hexastar's own database."""

import os
from datetime import date
from uuid import UUID

from sqlalchemy import URL, ForeignKey, make_url
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """The peers' tables."""


class Doctor(Base):
    """A doctor, with the licence to practise."""

    __tablename__ = "doctors"
    __table_args__ = ({"schema": "verification"},)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    doctor_id: Mapped[str]
    full_name: Mapped[str]
    license_number: Mapped[str]
    license_state: Mapped[str | None]
    license_type: Mapped[str | None]
    license_status: Mapped[str]
    license_issued_on: Mapped[date | None]
    license_expires_on: Mapped[date | None]
    license_restrictions: Mapped[list[str]] = mapped_column(JSONB)
    issuing_board: Mapped[str | None]


class DisciplinaryAction(Base):
    """An authority's action against a doctor."""

    __tablename__ = "disciplinary_actions"
    __table_args__ = ({"schema": "verification"},)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    doctor_id: Mapped[UUID] = mapped_column(ForeignKey("verification.doctors.id"))
    effective_on: Mapped[date]


def address(driver: str) -> URL:
    """Return the database's address for one of SQLAlchemy's drivers."""
    return make_url(os.environ["BENCH_DSN"]).set(drivername=f"postgresql+{driver}")
