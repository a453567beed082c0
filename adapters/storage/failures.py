"""From the driver's errors to the port's: what the caller may try again, and what it must not."""

from typing import Final, NoReturn

import asyncpg

from ports.errors import OutcomeUnknown, Rejected, Unavailable

_CONNECTION_LOST: Final = (
    "08",  # connection exceptions
    "57P",  # shutting down, starting up, session ended by the administrator or an idle limit
)
_MAY_WORK_LATER: Final = (
    *_CONNECTION_LOST,
    "40001",  # serialization failure: undone, may work when tried again
    "40P01",  # deadlock: the same
    "57014",  # cancelled, by the statement timeout or an administrator
    "53",  # insufficient resources: disk, memory, connections
)
_BROKEN: Final = (OSError, TimeoutError, asyncpg.InternalClientError)
"""What breaks a connection on our side. The driver's last is for a farewell that arrived while nobody was asking."""

RETRY_AFTER: Final = 1.0
"""Seconds after which a caller may try again; a server that restarts or drains its queue needs about that."""


FAILURES: Final = (*_BROKEN, asyncpg.PostgresError, asyncpg.InterfaceError)
"""Everything that a statement can raise but a cancellation."""


def lost(connection: asyncpg.Connection | None, error: BaseException) -> bool:
    """Tell whether `error` means that the connection broke; None stands for one that could not be opened."""
    if isinstance(error, asyncpg.PostgresError) and str(error.sqlstate).startswith(_CONNECTION_LOST):
        return True
    return isinstance(error, _BROKEN) or connection is None or connection.is_closed()


def unavailable(error: BaseException, *, gone: bool) -> Unavailable | None:
    """Return the port's error for one of the driver's, or None where it says something about the statement.

    `gone` tells that the connection has broken.
    """
    if isinstance(error, Unavailable):
        return error
    if isinstance(error, asyncpg.PostgresError):
        failed = str(error.sqlstate).startswith(_MAY_WORK_LATER)
    else:
        failed = isinstance(error, _BROKEN) or (gone and isinstance(error, asyncpg.InterfaceError))
    return Unavailable(f"the database: {_words(error)}", retry_after=RETRY_AFTER) if failed else None


def reraise(connection: asyncpg.Connection | None, error: BaseException) -> NoReturn:
    """Raise the port's error for one of the driver's, or `error` itself.

    Raises:
        Unavailable: it did not happen and may work later.
    """
    failure = unavailable(error, gone=lost(connection, error))
    if failure is None or failure is error:
        raise error
    raise failure from error


def reraise_in_doubt(connection: asyncpg.Connection, error: BaseException, reference: str) -> NoReturn:
    """Raise for a failure while something was being made permanent.

    Raises:
        OutcomeUnknown: the connection broke meanwhile.
        Unavailable: the server said that it did not happen and may work later.
    """
    if isinstance(error, Exception) and lost(connection, error):
        raise OutcomeUnknown(reference, f"the connection to the database was lost: {_words(error)}") from error
    reraise(connection, error)


def lost_before_commit() -> Unavailable:
    """Return the error for a COMMIT that was never sent."""
    return Unavailable("the connection to the database was lost before the commit", retry_after=RETRY_AFTER)


def transaction_aborted() -> Rejected:
    """Return the error for a COMMIT that the server answered with a rollback."""
    return Rejected("transaction_aborted", "a statement had failed before the commit, so everything was rolled back")


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__
