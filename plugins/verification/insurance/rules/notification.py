"""Where a notification is sent to, when a failed sending is repeated, and which expiries are announced."""

from datetime import date
from typing import Final

from email_validator import validate_email

BACKOFF: Final = (60.0, 300.0, 1800.0, 7200.0)
"""Seconds from each failed attempt to the next; after one more failure a notification has failed."""
ATTEMPTS: Final = len(BACKOFF) + 1

THRESHOLDS: Final = (0, 7, 30, 60, 90)
"""Days before a credential expires on which it is announced, once each."""
LATEST_DAYS: Final = -7
"""A credential that expired longer ago than this had expired before it came to us; it is not announced."""


def transport_address(address: str) -> str:
    """Return a stored address as mail servers take it: an international domain in its ASCII form (RFC 5890)."""
    return validate_email(address, check_deliverability=False, test_environment=True).ascii_email or address


def threshold(days_left: int) -> int | None:
    """Return which threshold a credential with `days_left` days to live has reached, None for none."""
    if days_left < LATEST_DAYS:
        return None
    return next((days for days in THRESHOLDS if days_left <= days), None)


def expiry_key(doctor_id: str, kind: str, expires_on: date, days: int) -> str:
    """Return the key under which one expiry of one credential is announced once a threshold."""
    return f"expiry:{doctor_id}:{kind}:{expires_on.isoformat()}:{days}"
