"""What all peers answer about a licence: the rules, and the block that says who verified it and when."""

from datetime import UTC, date, datetime, timedelta
from time import perf_counter
from typing import Any, Final
from uuid import uuid4

VALIDITY: Final = timedelta(days=120)


def status_on(day: date, stated: str, expires_on: date | None) -> str:
    """Return the status of a licence on a day: one that has lapsed is no longer active."""
    return "expired" if stated == "active" and expires_on is not None and expires_on < day else stated


def days_between(day: date, expires_on: date | None) -> int | None:
    """Return the days that a licence has left, negative once it has expired."""
    return None if expires_on is None else (expires_on - day).days


def verification(now: datetime, began: float) -> dict[str, Any]:
    """Return the block of an answer that was found at `now`; `began` is when the request came in."""
    return {
        "request_id": uuid4(),
        "outcome": "found",
        "source": "state-medical-board",
        "source_type": "primary",
        "method": "stub",
        "verified_at": now,
        "valid_until": now + VALIDITY,
        "stale": False,
        "as_of": now.date(),
        "processing_ms": round((perf_counter() - began) * 1000),
        "receipt": None,
    }


def utc_now() -> datetime:
    """Return the present time."""
    return datetime.now(UTC)
