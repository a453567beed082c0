"""What a worker says to the database, over one connection of its own.

`attempts` only grows and is the fencing token: whoever settles an attempt names its number, and a job that was
rescued, cancelled or claimed again has moved on. So a claim or settlement that a crash of the server loses
(`synchronous_commit` is off on this connection) means a repeated attempt, never a repeated effect.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Self
from uuid import UUID

import msgspec

from core.jobs import statements
from core.jobs.declare import Job, LeaseLostError, Statement
from ports.storage import Connection, PreparedStatement, Storage

SETTINGS: Final = {
    # A plan made while the table was empty would serve a full one: 260 instead of 10 000 jobs a second.
    "plan_cache_mode": "force_custom_plan",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "jit": "off",
    "synchronous_commit": "off",
    "statement_timeout": "30s",
    "idle_in_transaction_session_timeout": "10s",
}

ANSWER_TIME: Final = 10.0
"""Seconds that the server may take to answer what is asked many times a minute; then the connection is given up.

A network that swallows everything gives no other sign, and a worker that waited for it would claim nothing and lose
its leases.
"""

LIVENESS: Final = 0x68657861
"""First half of the advisory locks that say that a worker is alive; the second half is the worker's number."""


FREQUENT: Final = frozenset({statements.CLAIM, statements.SETTLE, statements.EXTEND, statements.LOOK})


class Claim(msgspec.Struct, frozen=True):
    """An attempt that this worker owns until its lease ends: the columns that `statements.CLAIM` returns, in order.

    `attempts` is the token; `waited` is how long the job has been due, in seconds.
    """

    id: UUID
    name: str
    lane: str
    payload: str
    attempts: int
    forgiven: int
    max_attempts: int
    trace: str | None
    trace_state: str | None
    request_id: str | None
    waited: float

    @property
    def number(self) -> int:
        """Return which counted attempt this is, from 1."""
        return self.attempts - self.forgiven


class Outcome(msgspec.Struct, frozen=True):
    """What became of an attempt: the job's next state, and when it is due if that is `queued`."""

    id: UUID
    attempts: int
    state: str
    error: str | None = None
    delay: float = 0.0
    forgiven: int = 0


class Sighting(msgspec.Struct, frozen=True):
    """What the rescuer saw: workers with running jobs but no sign of life, and whether any lease has ended."""

    absent: frozenset[int]
    expired: bool


async def mark_done(connection: Statement, claim: Claim) -> None:
    """Mark the job done inside the transaction that is open on `connection`.

    Raises:
        LeaseLostError: this attempt no longer owns the job; the transaction must roll back.
    """
    if await connection.fetchval(statements.MARK_DONE, claim.id, claim.attempts) is None:
        raise LeaseLostError(f"{claim.name} {claim.id}: attempt {claim.attempts} was overtaken")


class Ledger:
    """The statements of one worker, prepared on its connection."""

    def __init__(self, connection: Connection, worker: int, lease: float) -> None:
        self.connection = connection
        self.worker = worker
        self._lease = lease
        self._prepared: dict[str, PreparedStatement] = {}

    @classmethod
    async def open(cls, storage: Storage, number: int, lease: float) -> Self | None:
        """Connect and show that worker `number` is alive; None where another worker has this number."""
        connection = await storage.connect(application_name="hexastar worker", server_settings=SETTINGS)
        try:
            if await connection.fetchval("SELECT pg_try_advisory_lock($1, $2)", LIVENESS, number):
                return cls(connection, number, lease)
        except BaseException:
            connection.terminate()
            raise
        await connection.close()
        return None

    async def claim(self, rooms: Mapping[str, int], limit: int, ahead: float = 0.0) -> list[Claim]:
        """Take up to `limit` due jobs, no more of each lane than it has room for; lanes that come first go first.

        Jobs that are due within `ahead` seconds count as due.
        """
        rows = await self._fetch(
            statements.CLAIM, self.worker, self._lease, list(rooms), list(rooms.values()), limit, ahead
        )
        return [Claim(*row) for row in rows]

    async def settle(self, outcomes: Sequence[Outcome]) -> None:
        """Write what became of attempts; those that no longer own their job change nothing."""
        columns = zip(*map(msgspec.structs.astuple, outcomes), strict=True)
        await self._fetch(statements.SETTLE, *map(list, columns))

    async def extend(self, claims: Iterable[Claim]) -> None:
        """Extend the leases of attempts that are still running, and own them under this worker's number.

        Rows that a job's commit holds are skipped: they need it no more.
        """
        held = list(claims)
        ids, tokens = [claim.id for claim in held], [claim.attempts for claim in held]
        await self._fetch(statements.EXTEND, ids, tokens, self._lease, self.worker)

    async def look(self) -> Sighting:
        """Return who seems to have died."""
        row = (await self._fetch(statements.LOOK, LIVENESS))[0]
        return Sighting(frozenset(row["absent"]), row["expired"])

    async def rescue(self, absent: Iterable[int]) -> list[tuple[UUID, str, str]]:
        """Take back the jobs of `absent` workers and those whose lease has ended; return id, name and new state.

        After its first rescue a job is where it was in the queue; after later ones it waits a random while, so that a
        job which kills its worker and those that happened to run beside it part ways before their attempts are used up.
        """
        return [tuple(row) for row in await self._fetch(statements.RESCUE, list(absent))]

    async def now(self) -> datetime:
        """Return the clock that all workers share: the database's."""
        return (await self._fetch("SELECT clock_timestamp()"))[0][0]  # type: ignore[no-any-return]

    async def park(self, jobs: Mapping[str, Job[Any]]) -> None:
        """Park queued jobs that nobody here knows, and move the others to the lanes that they have now."""
        await self._fetch(statements.PARK, list(jobs))
        await self._fetch(statements.MOVE, list(jobs), [job.lane for job in jobs.values()])

    async def unpark(self, jobs: Mapping[str, Job[Any]]) -> int:
        """Queue parked jobs that are known here; return how many."""
        rows = await self._fetch(statements.UNPARK, list(jobs), [job.lane for job in jobs.values()])
        return len(rows)

    async def prune(self, keep_done: float, keep_dead: float, limit: int) -> int:
        """Delete up to `limit` rows finished longer ago than that many seconds; return how many.

        Rows that hold a key for ever stay, and so does the latest tick of each schedule.
        """
        return len(await self._fetch(statements.PRUNE, keep_done, keep_dead, limit))

    async def latest_ticks(self, names: Sequence[str]) -> dict[str, str]:
        """Return the key of the latest tick of each of these jobs that ever had one."""
        return {row["name"]: row["key"] for row in await self._fetch(statements.LATEST_TICKS, list(names))}

    async def backlog(self) -> dict[str, tuple[int, float]]:
        """Return by lane how many jobs are due and waiting, and for how many seconds the oldest has."""
        rows = await self._fetch(statements.BACKLOG)
        return {row["lane"]: (row["depth"], row["age"]) for row in rows}

    async def insert(self, statement: str, *row: Any) -> bool:
        """Insert one job row; tell whether its key was free."""
        return bool(await self._fetch(statement, *row))

    async def _fetch(self, statement: str, *arguments: Any) -> list[Any]:
        prepared = self._prepared.get(statement)
        if prepared is None:
            prepared = self._prepared[statement] = await self.connection.prepare(statement)
        return await prepared.fetch(*arguments, timeout=ANSWER_TIME if statement in FREQUENT else None)
