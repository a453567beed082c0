"""How migrators keep out of everybody's way: one at a time, and never in line before the application's queries.

A statement that waits for a lock holds up whoever comes after it, readers included. So a migrator gives up
after a second, lets the queue pass, and comes back; a long transaction of somebody's delays the migration, never the
application.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from random import Random
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

MIGRATION_LOCK: Final = 0x6865_7861_7374_6172
"""The key of the advisory lock that serialises migrators ("hexastar")."""

POLL: Final = 0.25
"""Seconds between looks whether the other migrator has finished."""

SESSION: Final = (
    "SET lock_timeout = '1s'",
    # Steps that rightly take longer, such as an index made beside the traffic, suspend it for themselves.
    "SET statement_timeout = '30s'",
)
"""What every session that migrates says first, also whoever runs the printed SQL by hand."""

ORPHANED: Final = "SET client_connection_check_interval = '1s'"
"""Lets the server notice within a long statement that its migrator was killed."""

PAUSES: Final = (1.0, 2.0, 4.0, 8.0, 12.0, 12.0, 12.0, 12.0, 12.0)
"""Seconds between the ten attempts at a lock: together they outlast a transaction of a minute."""

JITTER: Final = 0.2
CONTENTION: Final = frozenset({"55P03", "40P01"})
"""SQLSTATEs of a lock that did not come in time, and of a deadlock."""


async def prepare(connection: AsyncConnection) -> None:
    """Set the session up for migrating."""
    for statement in SESSION:
        await connection.execute(sa.text(statement))
    await connection.commit()
    with suppress(sa.exc.DBAPIError):  # servers on systems that cannot see a closed connection refuse this one
        await connection.execute(sa.text(ORPHANED))
    await connection.commit()


async def wait_for_turn(connection: AsyncConnection, note: Callable[[str], None]) -> None:
    """Take the lock of migrators for this session, waiting while another has it; `note` hears that it waits.

    It asks again and again: a session that sleeps inside `pg_advisory_lock` holds a snapshot, which an index
    that the other makes concurrently would wait for, so that each waited for the other.
    """
    waiting = False
    while not await connection.scalar(sa.select(sa.func.pg_try_advisory_lock(MIGRATION_LOCK))):
        await connection.rollback()
        if not waiting:
            waiting = True
            note("another migrator is at work: waiting for it")
        await asyncio.sleep(POLL)
    await connection.commit()
    if waiting:
        note("the other migrator has finished")


def pauses(random: Random) -> Iterator[float]:
    """Yield the seconds to wait after each failed attempt at a lock but the last."""
    for pause in PAUSES:
        yield pause * random.uniform(1 - JITTER, 1 + JITTER)


def is_contention(error: BaseException) -> bool:
    """Tell whether `error` is a lock that somebody else held, so that the same will work later."""
    return isinstance(error, sa.exc.DBAPIError) and getattr(error.orig, "sqlstate", None) in CONTENTION
