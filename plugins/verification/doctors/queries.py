"""The compiled queries and commands on doctors."""

import functools
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import (
    ColumnElement,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    bindparam,
    cast,
    column,
    delete,
    exists,
    func,
    insert,
    inspect,
    or_,
    select,
)
from sqlalchemy import literal_column as sql
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by
from sqlalchemy.dialects.postgresql import insert as postgres_insert

from plugins.verification.doctors.rules.dossier import Dossier, LicenseStatus
from plugins.verification.doctors.tables import SECTIONS, DisciplinaryAction, Doctor
from plugins.verification.tables import Base
from ports.storage import Command, Query

CHRONOLOGY: Final = {
    "degrees": "graduated_on",
    "board_certifications": "initial_on",
    "trainings": "started_on",
    "employments": "started_on",
    "disciplinary_actions": "effective_on",
    "malpractice_cases": "filed_on",
}
"""The column that each section of a dossier is ordered by."""

FACTS: Final = tuple(name for name in Dossier.__struct_fields__ if name not in SECTIONS)
"""The columns of a doctor that a dossier holds."""


class LicenseRecord(msgspec.Struct, frozen=True):
    """What one query tells of a licence. Positional, so that it is built straight from the driver's record."""

    doctor_id: str
    full_name: str
    npi: str | None
    license_number: str
    license_state: str | None
    license_type: str | None
    license_status: LicenseStatus
    license_issued_on: date | None
    license_expires_on: date | None
    license_restrictions: list[str]
    issuing_board: str | None
    has_board_action: bool


class Registered(msgspec.Struct, frozen=True):
    """The row of a doctor that has just been written; `is_new` unless it replaced another."""

    id: UUID
    created_at: datetime
    updated_at: datetime
    is_new: bool


def _named(given: frozenset[str]) -> ColumnElement[bool]:
    """Return the condition that any of the identifiers `given` names the doctor, each served by a unique index."""
    by_license = Doctor.license_number == bindparam("license_number")
    if "license_state" in given:
        by_license &= Doctor.license_state == bindparam("license_state")
    ways = {
        "doctor_id": Doctor.doctor_id == bindparam("doctor_id"),
        "license_number": by_license,
        "npi": Doctor.npi == bindparam("npi"),
    }
    return or_(*(way for name, way in ways.items() if name in given))


@functools.cache
def license_query(given: frozenset[str]) -> Query[LicenseRecord]:
    """Return the query for the licences of the first two doctors whom any of the identifiers `given` names."""
    acted = exists().where(
        DisciplinaryAction.doctor_id == Doctor.id, DisciplinaryAction.effective_on <= bindparam("as_of")
    )
    columns = [getattr(Doctor, name) for name in LicenseRecord.__struct_fields__[:-1]]
    return Query(select(*columns, acted.label("has_board_action")).where(_named(given)).limit(sql("2")), LicenseRecord)


@functools.cache
def dossier_query(given: frozenset[str], sections: tuple[str, ...]) -> Query[Dossier]:
    """Return the query for the dossiers, with these sections, of the first two doctors whom any of `given` names."""
    facts = [getattr(Doctor, name) for name in FACTS]
    rows = [_section(name).label(name) for name in sections]
    return Query(select(*facts, *rows).where(_named(given)).limit(sql("2")), Dossier)


def _section(name: str) -> ColumnElement[Any]:
    table = SECTIONS[name].__table__
    fields = [part for field in _facts_of(SECTIONS[name]) for part in (sql(f"'{field.key}'"), _json(field))]
    rows = aggregate_order_by(func.jsonb_build_object(*fields), table.c[CHRONOLOGY[name]], table.c.id)
    found = select(func.jsonb_agg(rows, type_=JSONB)).where(table.c.doctor_id == Doctor.id).scalar_subquery()
    return func.coalesce(found, sql("'[]'::jsonb"), type_=JSONB)


def _facts_of(section: type[Base]) -> Iterator[ColumnElement[Any]]:
    return (field for field in section.__table__.columns if field.key not in {"doctor_id", "created_at"})


def _json(field: ColumnElement[Any]) -> ColumnElement[Any]:
    """Write amounts as text: JSON's numbers would come back as floats."""
    return cast(field, Text) if isinstance(field.type, Numeric) else field


_WRITTEN: Final = (*FACTS, "date_of_birth")
_RETURNED: Final[tuple[Any, ...]] = (Doctor.id, Doctor.created_at, Doctor.updated_at, sql("xmax = 0").label("is_new"))
_insert_doctor = postgres_insert(Doctor).values({name: bindparam(name) for name in _WRITTEN})

LOCK_DOCTOR: Final = Query(
    select(
        func.pg_advisory_xact_lock(func.hashtextextended(bindparam("doctor_id", type_=Text), 0))
        .cast(Text)
        .label("locked")
    ),
    into=str,
)
"""Lets one transaction at a time register a doctor: ON CONFLICT heeds one unique index, and of two that insert the
same doctor at once, the second may run into another index before it meets that one."""
INSERT_DOCTOR: Final = Command(_insert_doctor.returning(*_RETURNED), Registered)
UPSERT_DOCTOR: Final = Command(
    _insert_doctor.on_conflict_do_update(
        index_elements=[Doctor.doctor_id],
        set_={name: _insert_doctor.excluded[name] for name in _WRITTEN if name not in {"id", "doctor_id"}},
    ).returning(*_RETURNED),
    Registered,
)


def _insert_rows(section: type[Base]) -> Command[None]:
    """Return the command that writes all rows of a section at once, whatever their number.

    They go in by their unique keys: registrations that contend for the same ones wait in one order and never for
    each other.
    """
    fields = [column(str(field.key), field.type) for field in _facts_of(section)]
    rows = func.jsonb_to_recordset(bindparam("rows", type_=JSONB)).table_valued(*fields, name="given")
    columns = rows.render_derived(with_types=True).c
    keys = [columns[name] for name in _unique_fields(section) if name in columns]
    source = select(bindparam("owner", type_=Uuid()), *columns).order_by(*keys)
    return Command(insert(section).from_select(["doctor_id", *(field.key for field in fields)], source))


def _unique_fields(section: type[Base]) -> Iterator[str]:
    table = inspect(section).local_table
    if isinstance(table, Table):
        unique = (constraint for constraint in table.constraints if isinstance(constraint, UniqueConstraint))
        yield from (field.key for constraint in unique for field in constraint.columns)


INSERT_ROWS: Final = {name: _insert_rows(section) for name, section in SECTIONS.items()}


def _delete_rows() -> Command[None]:
    owner = bindparam("owner", type_=Uuid())
    first, *others = (delete(section).where(section.__table__.c.doctor_id == owner) for section in SECTIONS.values())
    return Command(first.add_cte(*(other.cte(f"rows_{number}") for number, other in enumerate(others))))


DELETE_ROWS: Final = _delete_rows()
"""Empties every section of one doctor in one statement."""
