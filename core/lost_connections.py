"""Telling that a statement on the driver's own connection failed because the connection broke.

Statements that go through a door fail in the port's words. Those that the core itself runs on the driver's connection,
for jobs and Idempotency-Keys, fail in the driver's, which the core does not import.
"""

from typing import Final

from ports.storage import Connection

_DRIVER: Final = "asyncpg"
_LOST: Final = ("08", "57P")
"""SQLSTATE classes: the connection broke; the server shuts down or starts up."""


def lost_under(connection: Connection | None, error: BaseException) -> bool:
    """Tell whether `error` is the driver's own and says that `connection` broke under a statement."""
    if connection is None or not isinstance(error, Exception):
        return False
    state = str(getattr(error, "sqlstate", None) or "")
    is_the_drivers = bool(state) or type(error).__module__.partition(".")[0] == _DRIVER or isinstance(error, OSError)
    return is_the_drivers and (state.startswith(_LOST) or connection.is_closed())
