"""A plugin with a schedule, whose process may believe in a clock that is wrong.

`METRONOME_CRON` is the schedule, once a year unless set, and `METRONOME_SKEW` the seconds by which everything in this
process that asks Python for the time is misled.
"""

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import time_machine

from core.hookspecs import hookimpl
from core.jobs.declare import Job, Tick, job
from core.manifest import PluginManifest
from core.unit_of_work import UnitOfWork

manifest = PluginManifest(name="metronome", version="1.0.0", summary="Ticks", requires=("labour",))

SKEW = float(os.environ.get("METRONOME_SKEW", "0"))
if SKEW:
    time_machine.travel(datetime.now(UTC) + timedelta(seconds=SKEW), tick=True).start()


@job("metronome.tick", cron=os.environ.get("METRONOME_CRON", "0 0 1 1 *"), attempts=10)
async def tick(payload: Tick, uow: UnitOfWork) -> None:
    """Note which tick it was, and what time this process believes it to be."""
    connection = await uow.connection()
    told = datetime.now(UTC)
    await connection.execute("INSERT INTO labour.ticks (tick, told) VALUES ($1, $2)", payload.tick, told)


@hookimpl
def register_jobs() -> Sequence[Job[Any]]:
    """The tick."""
    return (tick,)
