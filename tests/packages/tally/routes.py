"""The routes that faults are tried on."""

import asyncio
import logging
from http import HTTPStatus
from typing import Final

from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery, JSONBody

from core.auth import PUBLIC
from core.clock import new_id
from core.http.injected import Injected
from core.http.problems import Problem, ProblemType
from core.unit_of_work import UnitOfWork
from ports.storage import Storage
from tally import jobs, queries
from tally.schemas import Count, Enqueued, EntryIn, EntryOut, Subject, UniqueIn, Waited
from tally.tables import Entry

logger = logging.getLogger(__name__)

BEGUN: Final = "the wait has begun"
REFUSED: Final = ProblemType("entry_refused", HTTPStatus.UNPROCESSABLE_ENTITY, "The entry is refused")


@post("/api/v1/tally/entries", access=PUBLIC, problems=(REFUSED,))
async def add(data: JSONBody[EntryIn], uow: Injected[UnitOfWork]) -> EntryOut:
    """Write an entry and enqueue its job through the compiled door."""
    entry = EntryOut(new_id(), data.label)
    await uow.execute(queries.ADD_ENTRY, id=entry.id, label=entry.label)
    await uow.enqueue(jobs.count, Subject(entry.id, data.job_seconds))
    if data.refuse:
        raise Problem(REFUSED)
    return entry


@post("/api/v1/tally/objects", access=PUBLIC, problems=(REFUSED,))
async def add_object(data: JSONBody[EntryIn], uow: Injected[UnitOfWork]) -> EntryOut:
    """Write an entry and enqueue its job through the session door."""
    entry = EntryOut(new_id(), data.label)
    uow.session.add(Entry(id=entry.id, label=entry.label))
    await uow.enqueue(jobs.count, Subject(entry.id, data.job_seconds))
    if data.refuse:
        await uow.session.flush()
        raise Problem(REFUSED)
    return entry


@get("/api/v1/tally/entries", access=PUBLIC)
async def count(storage: Injected[Storage]) -> Count:
    """Count the entries."""
    found = await storage.fetch_one(queries.COUNT)
    return found or Count(0)


@post("/api/v1/tally/unique", access=PUBLIC)
async def enqueue_unique(data: JSONBody[UniqueIn], uow: Injected[UnitOfWork]) -> Enqueued:
    """Enqueue a job under a key."""
    chosen = jobs.once if data.for_ever else jobs.once_at_a_time
    return Enqueued(await uow.enqueue(chosen, Subject(new_id()), key=data.key))


@get("/api/v1/tally/wait", access=PUBLIC)
async def wait(seconds: FromQuery[float]) -> Waited:
    """Answer after a while, without the database; log when it begins."""
    logger.info(BEGUN)
    await asyncio.sleep(seconds)
    return Waited(seconds)


@get("/api/v1/tally/query", access=PUBLIC)
async def query(seconds: FromQuery[float], storage: Injected[Storage]) -> Waited:
    """Answer after the database has taken a while."""
    await storage.fetch_one(queries.SLEEP, seconds=seconds)
    return Waited(seconds)


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (add, add_object, count, enqueue_unique, wait, query)
