"""Dead jobs by the many: how many there are of each name, and queueing them again without a statement for each."""

from collections.abc import Mapping
from functools import cache
from typing import Final

import msgspec
from sqlalchemy import ColumnElement, Text, and_, bindparam, case, cast, func, literal_column, select, update

from core.jobs.admin import UNIQUE_VIOLATION, KeyTakenError, Statements
from core.jobs.bell import Bell
from core.jobs.tables import jobs
from ports.storage import Command, Query

AT_ONCE: Final = 1_000
"""Jobs that one call queues again at most: a statement of some hundredths of a second."""

MOST_NAMES: Final = 100
TRIES: Final = 3


class DeadOfName(msgspec.Struct, frozen=True):
    """How many jobs of one name are dead, and `held`: for how many of them another job holds the unique key."""

    name: str
    count: int
    held: int


class DeadJobs:
    """What can be done to dead jobs together. `bell` wakes the workers."""

    def __init__(self, storage: Statements, bell: Bell | None = None) -> None:
        self._storage = storage
        self._bell = bell

    async def counts(self, *, plugin: str | None = None) -> list[DeadOfName]:
        """Return how many dead jobs there are of each name, those of most first; of at most 100 names."""
        chosen = _chosen(plugin, None)
        return await self._storage.fetch_all(_counts_query(frozenset(chosen)), **chosen)

    async def retry(self, *, plugin: str | None = None, name: str | None = None, limit: int = AT_ONCE) -> int:
        """Queue dead jobs again, with all their attempts, the oldest first; return how many.

        Those whose unique key another job holds stay dead, and of several with one key the oldest is taken. Others that
        are being retried or deleted at this moment are passed over.

        Raises:
            KeyTakenError: again and again, keys were taken while this looked at them.
        """
        chosen = _chosen(plugin, name)
        for attempt in range(1, TRIES + 1):
            try:
                changed = await self._storage.execute(_retry_command(frozenset(chosen)), **chosen, most=limit)
            except Exception as error:
                if getattr(error, "sqlstate", None) != UNIQUE_VIOLATION:
                    raise
                if attempt == TRIES:
                    raise KeyTakenError("keys of these jobs are being taken by others") from error
            else:
                break
        if changed and self._bell is not None:
            self._bell.ring()
        return changed


_DEAD: Final = jobs.alias("dead")
_HOLDER: Final = jobs.alias("holder")
_UNIQUE: Final = _DEAD.c.uniqueness == literal_column("'until_done'")
_HELD: Final = and_(
    _UNIQUE,
    # in the very words of uq_jobs_key_until_done, which answers this
    select(literal_column("1"))
    .where(
        _HOLDER.c.name == _DEAD.c.name,
        _HOLDER.c.key == _DEAD.c.key,
        _HOLDER.c.uniqueness == literal_column("'until_done'"),
        _HOLDER.c.state.in_([literal_column(f"'{state}'") for state in ("queued", "running", "parked")]),
    )
    .exists(),
)


def _chosen(plugin: str | None, name: str | None) -> Mapping[str, str]:
    given = {"prefix": f"{plugin}." if plugin else None, "name": name}
    return {key: value for key, value in given.items() if value is not None}


def _conditions(chosen: frozenset[str]) -> list[ColumnElement[bool]]:
    conditions: dict[str, ColumnElement[bool]] = {
        "prefix": func.starts_with(_DEAD.c.name, bindparam("prefix", type_=Text)),
        "name": _DEAD.c.name == bindparam("name"),
    }
    return [_DEAD.c.state == literal_column("'dead'"), *(conditions[key] for key in sorted(chosen))]


@cache
def _counts_query(chosen: frozenset[str]) -> Query[DeadOfName]:
    count = func.count()
    query = select(_DEAD.c.name, count.label("count"), count.filter(_HELD).label("held"))
    grouped = query.where(*_conditions(chosen)).group_by(_DEAD.c.name).order_by(count.desc(), _DEAD.c.name)
    return Query(grouped.limit(literal_column(str(MOST_NAMES))), into=DeadOfName)


@cache
def _retry_command(chosen: frozenset[str]) -> Command[None]:
    free = (
        select(_DEAD.c.id, _DEAD.c.name, case((_UNIQUE, _DEAD.c.key), else_=cast(_DEAD.c.id, Text)).label("key"))
        .where(*_conditions(chosen), ~_HELD)
        .order_by(_DEAD.c.id)
        .limit(bindparam("most"))
        .with_for_update(skip_locked=True, of=_DEAD)
        .cte("free")
    )
    place = func.row_number().over(partition_by=(free.c.name, free.c.key), order_by=free.c.id)
    ranked = select(free.c.id, place.label("place")).subquery("ranked")
    first_of_its_key = select(ranked.c.id).where(ranked.c.place == literal_column("1"))
    return Command(
        update(jobs)
        .where(jobs.c.id.in_(first_of_its_key), jobs.c.state == literal_column("'dead'"))
        .values(state="queued", forgiven=jobs.c.attempts, run_at=func.now(), error=None, finished_at=None)
    )
