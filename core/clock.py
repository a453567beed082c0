"""Time and identifiers come in through here, so that tests need neither sleep nor patching."""

from datetime import UTC, date, datetime
from typing import Protocol
from uuid import UUID

import uuid_utils.compat


class Clock(Protocol):
    """Tells the time. Every rule that depends on a date takes it from here or as an argument."""

    def now(self) -> datetime:
        """Return this instant, aware, in UTC."""

    def today(self) -> date:
        """Return the current date in UTC."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return this instant, aware, in UTC."""
        return datetime.now(UTC)

    def today(self) -> date:
        """Return the current date in UTC."""
        return datetime.now(UTC).date()


def new_id() -> UUID:
    """Return a new UUIDv7 (RFC 9562): unique, and in the order of creation to a millisecond."""
    return uuid_utils.compat.uuid7()
