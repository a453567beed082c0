"""What keeps the control plane's tables small."""

from datetime import timedelta

from core.clock import Clock
from core.jobs.declare import Tick, job
from core.unit_of_work import UnitOfWorkFactory
from plugins.verification.settings import Settings
from plugins.verification.stub.queries.journal import BATCH, EXPIRE, TRIM


@job("verification.prune_journal", cron="* * * * *", timeout=55.0, attempts=1, stepwise=True)
async def prune_journal(_: Tick, units: UnitOfWorkFactory, clock: Clock, settings: Settings) -> None:
    """Delete what the journal has kept long enough, and all but its newest entries, a batch at a time."""
    expired = {"before": clock.now() - timedelta(seconds=settings.stub.journal_max_age)}
    for command, parameters in ((EXPIRE, expired), (TRIM, {"max_rows": settings.stub.journal_max_rows})):
        deleted = BATCH
        while deleted == BATCH:
            async with units() as uow:
                deleted = await uow.execute(command, **parameters)
