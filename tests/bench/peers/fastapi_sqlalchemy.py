"""FastAPI with SQLAlchemy's asynchronous session. Run as `fastapi_sqlalchemy <host> <port>`."""

import sys
from collections.abc import AsyncIterator
from datetime import date, datetime
from time import perf_counter
from typing import Annotated
from uuid import UUID

import uvicorn
from fastapi import Depends, FastAPI, HTTPException
from licence import days_between, status_on, utc_now, verification
from pydantic import BaseModel
from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from tables import DisciplinaryAction, Doctor, address

engine = create_async_engine(address("asyncpg"), pool_size=8, max_overflow=0)
session_maker = async_sessionmaker(engine, expire_on_commit=False)
app = FastAPI()


class Verification(BaseModel):
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


class Licence(BaseModel):
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


async def provide_session() -> AsyncIterator[AsyncSession]:
    """Open a session for one request."""
    async with session_maker() as session:
        yield session


@app.get("/api/v1/doctors/psv/license/status")
async def license_status(license_number: str, session: Annotated[AsyncSession, Depends(provide_session)]) -> Licence:
    """Look a licence up by its number."""
    began = perf_counter()
    now = utc_now()
    today = now.date()
    has_action = exists().where(DisciplinaryAction.doctor_id == Doctor.id, DisciplinaryAction.effective_on <= today)
    found = (await session.execute(select(Doctor, has_action).where(Doctor.license_number == license_number))).first()
    if found is None:
        raise HTTPException(404)
    doctor, has_board_action = found
    status = status_on(today, doctor.license_status, doctor.license_expires_on)
    return Licence(
        doctor_id=doctor.doctor_id,
        full_name=doctor.full_name,
        license_number=doctor.license_number,
        license_state=doctor.license_state,
        license_type=doctor.license_type,
        status=status,
        raw_status=doctor.license_status,
        issued_on=doctor.license_issued_on,
        expires_on=doctor.license_expires_on,
        days_to_expiry=days_between(today, doctor.license_expires_on),
        is_active=status == "active",
        restrictions=doctor.license_restrictions,
        issuing_board=doctor.issuing_board,
        has_board_action=has_board_action,
        verification=Verification(**verification(now, began)),
    )


@app.get("/")
async def index() -> str:
    """Answer."""
    return "ready"


if __name__ == "__main__":
    uvicorn.run(app, host=sys.argv[1], port=int(sys.argv[2]), log_level="warning", access_log=False)
