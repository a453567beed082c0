"""Changing what every process works by: one change at a time, told to all when it is committed."""

from core.unit_of_work import UnitOfWork
from plugins.verification.stub.queries import stub_rules as queries
from plugins.verification.stub.service.keeper import CHANNEL


async def begin_change(uow: UnitOfWork) -> int:
    """Return the revision that the change makes; others wait until the unit of work has ended."""
    revision = await uow.fetch_one(queries.BUMP)
    assert revision is not None  # noqa: S101 - the statement writes a row or raises
    connection = await uow.connection()
    # Within the transaction, so that it is heard exactly if it commits; changes are too rare to hold up others.
    await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, str(revision))
    return revision
