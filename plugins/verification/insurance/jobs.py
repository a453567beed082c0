"""The background jobs of insurance claims, and those that watch over the whole plugin's dates."""

from pathlib import Path
from typing import Any, Final

import msgspec

from core.clock import Clock
from core.jobs.declare import Job, Tick, job
from core.unit_of_work import UnitOfWork, UnitOfWorkFactory
from plugins.verification.insurance.service import deadlines, icd
from plugins.verification.insurance.service.delivery import send_notification
from plugins.verification.insurance.service.dispatch import dispatch_due
from plugins.verification.settings import Settings


class LoadIcd(msgspec.Struct, frozen=True):
    """Which list of codes to load: a file on the worker's machine, or the optional package's."""

    file: str | None = None


@job("verification.dispatch_notifications", cron="*/10 * * * * *", timeout=30.0, attempts=1)
async def dispatch_notifications(_: Tick, uow: UnitOfWork, clock: Clock) -> None:
    """Queue the notifications whose time to be sent has come; give up on those lost while being sent."""
    await dispatch_due(uow, clock)


@job("verification.expire_credentials", cron="0 2 * * *", timeout=300.0, attempts=3)
async def expire_credentials(_: Tick, uow: UnitOfWork, clock: Clock, settings: Settings) -> None:
    """Announce licences and certificates that expire in 90, 60, 30, 7 or 0 days, once each."""
    await deadlines.announce_expiries(uow, clock, settings.insurance)


@job("verification.mark_stale", cron="30 2 * * *", timeout=300.0, attempts=3, stepwise=True)
async def mark_stale(_: Tick, units: UnitOfWorkFactory, clock: Clock) -> None:
    """Mark verifications that may no longer be relied on."""
    await deadlines.mark_stale(units, clock)


@job("verification.review_sla", cron="*/5 * * * *", timeout=60.0, attempts=2)
async def review_sla(_: Tick, uow: UnitOfWork, clock: Clock) -> None:
    """Raise the priority of reviews whose time is up, once each."""
    await deadlines.raise_overdue(uow, clock)


@job("verification.load_icd", timeout=600.0, attempts=2, stepwise=True, unique="until_done")
async def load_icd(payload: LoadIcd, units: UnitOfWorkFactory) -> None:
    """Load the list of ICD codes."""
    await icd.load(units, Path(payload.file) if payload.file else None)


JOBS: Final[tuple[Job[Any], ...]] = (
    send_notification,
    dispatch_notifications,
    expire_credentials,
    mark_stale,
    review_sla,
    load_icd,
)
