"""Flask with SQLAlchemy and psycopg2, for gunicorn: `gunicorn flask_sqlalchemy:app`."""

from time import perf_counter
from typing import Any

from flask import Flask, Response, abort, jsonify, request
from licence import days_between, status_on, utc_now, verification
from sqlalchemy import create_engine, exists, select
from sqlalchemy.orm import scoped_session, sessionmaker
from tables import DisciplinaryAction, Doctor, address

engine = create_engine(address("psycopg2"), pool_size=8, max_overflow=0)
session = scoped_session(sessionmaker(engine))
app = Flask(__name__)


@app.get("/api/v1/doctors/psv/license/status")
def license_status() -> Response:
    """Look a licence up by its number."""
    began = perf_counter()
    now = utc_now()
    today = now.date()
    has_action = exists().where(DisciplinaryAction.doctor_id == Doctor.id, DisciplinaryAction.effective_on <= today)
    query = select(Doctor, has_action).where(Doctor.license_number == request.args["license_number"])
    found = session.execute(query).first()
    if found is None:
        abort(404)
    doctor, has_board_action = found
    status = status_on(today, doctor.license_status, doctor.license_expires_on)
    return jsonify(
        doctor_id=doctor.doctor_id,
        full_name=doctor.full_name,
        license_number=doctor.license_number,
        license_state=doctor.license_state,
        license_type=doctor.license_type,
        status=status,
        raw_status=doctor.license_status,
        issued_on=_iso(doctor.license_issued_on),
        expires_on=_iso(doctor.license_expires_on),
        days_to_expiry=days_between(today, doctor.license_expires_on),
        is_active=status == "active",
        restrictions=doctor.license_restrictions,
        issuing_board=doctor.issuing_board,
        has_board_action=has_board_action,
        verification={
            name: _iso(value) if hasattr(value, "isoformat") else value
            for name, value in verification(now, began).items()
        },
    )


@app.get("/")
def index() -> str:
    """Answer."""
    return "ready"


@app.teardown_appcontext
def close_session(_failure: BaseException | None) -> None:
    """End the request's session."""
    session.remove()


def _iso(value: Any) -> str | None:
    return None if value is None else value.isoformat()
