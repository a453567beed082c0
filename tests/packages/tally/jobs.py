"""Jobs that note what they did."""

import asyncio
from typing import Final

from core.clock import new_id
from core.jobs.declare import job
from core.unit_of_work import UnitOfWork
from tally import queries
from tally.schemas import Subject


@job("tally.count", attempts=10, backoff=(0.1,))
async def count(payload: Subject, uow: UnitOfWork) -> None:
    """Note an effect, after a while."""
    if payload.seconds:
        await asyncio.sleep(payload.seconds)
    await uow.execute(queries.ADD_EFFECT, id=new_id(), subject=payload.subject)


@job("tally.once_at_a_time", unique="until_done")
async def once_at_a_time(payload: Subject, uow: UnitOfWork) -> None:
    """Note an effect; its key is free again afterwards."""
    await uow.execute(queries.ADD_EFFECT, id=new_id(), subject=payload.subject)


@job("tally.once", unique="for_ever")
async def once(payload: Subject, uow: UnitOfWork) -> None:
    """Note an effect; its key is never free again."""
    await uow.execute(queries.ADD_EFFECT, id=new_id(), subject=payload.subject)


ALL: Final = (count, once_at_a_time, once)
