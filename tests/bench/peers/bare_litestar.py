"""Bare Litestar with asyncpg and nothing else: the yardstick. Run as `bare_litestar <server> <host> <port>`."""

import gc
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, datetime
from time import perf_counter
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
from licence import days_between, status_on, utc_now, verification
from litestar import Litestar, Request, get, post
from litestar.exceptions import NotFoundException
from litestar.params import FromQuery, JSONBody
from uuid_utils.compat import uuid7

LICENCE = """
SELECT d.doctor_id, d.full_name, d.license_number, d.license_state, d.license_type, d.license_status,
    d.license_issued_on, d.license_expires_on, d.license_restrictions, d.issuing_board,
    EXISTS (
        SELECT FROM verification.disciplinary_actions AS a WHERE a.doctor_id = d.id AND a.effective_on <= $2
    ) AS has_board_action
FROM verification.doctors AS d
WHERE d.license_number = $1
"""
INSERT = "INSERT INTO bench.notes (id, label, number) VALUES ($1, $2, $3)"


class Verification(msgspec.Struct):
    request_id: UUID
    outcome: str
    source: str
    source_type: str
    method: str
    verified_at: datetime
    valid_until: datetime
    stale: bool
    as_of: date
    processing_ms: int
    receipt: str | None


class Licence(msgspec.Struct):
    doctor_id: str
    full_name: str
    license_number: str
    license_state: str | None
    license_type: str | None
    status: str
    raw_status: str
    issued_on: date | None
    expires_on: date | None
    days_to_expiry: int | None
    is_active: bool
    restrictions: list[str]
    issuing_board: str | None
    has_board_action: bool
    verification: Verification


class NoteIn(msgspec.Struct):
    label: str
    number: int


class NoteOut(msgspec.Struct):
    id: UUID
    label: str
    number: int


@get("/api/v1/doctors/psv/license/status")
async def license_status(request: Request[Any, Any, Any], license_number: FromQuery[str]) -> Licence:
    """Look a licence up by its number."""
    began = perf_counter()
    now = utc_now()
    today = now.date()
    async with request.app.state.pool.acquire() as connection:
        row = await connection.fetchrow(LICENCE, license_number, today)
    if row is None:
        raise NotFoundException
    status = status_on(today, row["license_status"], row["license_expires_on"])
    return Licence(
        doctor_id=row["doctor_id"],
        full_name=row["full_name"],
        license_number=row["license_number"],
        license_state=row["license_state"],
        license_type=row["license_type"],
        status=status,
        raw_status=row["license_status"],
        issued_on=row["license_issued_on"],
        expires_on=row["license_expires_on"],
        days_to_expiry=days_between(today, row["license_expires_on"]),
        is_active=status == "active",
        restrictions=msgspec.json.decode(row["license_restrictions"]),
        issuing_board=row["issuing_board"],
        has_board_action=row["has_board_action"],
        verification=Verification(**verification(now, began)),
    )


@post("/bench/notes")
async def add_note(request: Request[Any, Any, Any], data: JSONBody[NoteIn]) -> NoteOut:
    """Insert one row between BEGIN and COMMIT."""
    note = NoteOut(uuid7(), data.label, data.number)
    async with request.app.state.pool.acquire() as connection, connection.transaction():
        await connection.execute(INSERT, note.id, note.label, note.number)
    return note


@get("/")
async def index() -> str:
    """Answer."""
    return "ready"


@asynccontextmanager
async def pool(app: Litestar) -> AsyncIterator[None]:
    """Hold eight connections, and keep the collector off what lives until the end, as Hexastar does."""
    async with asyncpg.create_pool(os.environ["BENCH_DSN"], min_size=8, max_size=8) as app.state.pool:
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        yield


app = Litestar([license_status, add_note, index], lifespan=[pool], openapi_config=None)


def main(server: str, host: str, port: int) -> None:
    """Serve in one process."""
    if server == "granian":
        from granian.constants import Interfaces
        from granian.server import Server

        target = "bare_litestar:app"
        Server(target, address=host, port=port, interface=Interfaces.ASGI, workers=1, log_access=False).serve()
    else:
        import uvicorn

        uvicorn.run(app, host=host, port=port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
