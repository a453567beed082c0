"""The jobs whose starts are timed."""

from core.clock import new_id
from core.jobs.declare import job
from core.unit_of_work import UnitOfWork
from tests.bench.peers.stopwatch import stopwatch
from tests.bench.plugins.bench import queries
from tests.bench.plugins.bench.schemas import Numbered


@job("bench.noop")
async def noop(payload: Numbered) -> None:
    """Do nothing."""
    stopwatch.mark(payload.number)


@job("bench.write")
async def write(payload: Numbered, uow: UnitOfWork) -> None:
    """Write one row."""
    stopwatch.mark(payload.number)
    await uow.execute(queries.ADD, id=new_id(), label="job", number=payload.number)
