"""What dates bring about by themselves: announcements of expiries, stale verifications, overdue reviews."""

from datetime import timedelta
from typing import Final

import msgspec

from core.clock import Clock, new_id
from core.unit_of_work import UnitOfWork, UnitOfWorkFactory
from plugins.verification.insurance.queries import deadlines as queries
from plugins.verification.insurance.queries import notification as notification_queries
from plugins.verification.insurance.queries import review as review_queries
from plugins.verification.insurance.queries.deadlines import ExpiringRow
from plugins.verification.insurance.queries.review import OverdueRow, TransitionRow
from plugins.verification.insurance.rules import notification as rules
from plugins.verification.insurance.rules.review import raised
from plugins.verification.insurance.service.notification import message_id
from plugins.verification.insurance.settings import InsuranceSettings

SYSTEM: Final = "system"


async def announce_expiries(uow: UnitOfWork, clock: Clock, settings: InsuranceSettings) -> None:
    """Register one notification for each credential and threshold reached; where nobody is to hear of it, none."""
    if not settings.expiry_recipient:
        return
    today = clock.today()
    expiring = await uow.fetch_all(
        queries.EXPIRING,
        earliest=today + timedelta(days=rules.LATEST_DAYS),
        latest=today + timedelta(days=max(rules.THRESHOLDS)),
    )
    for row in expiring:
        days = rules.threshold((row.expires_on - today).days)
        if days is not None:
            await _announce(uow, clock, settings, row, days)


async def _announce(uow: UnitOfWork, clock: Clock, settings: InsuranceSettings, row: ExpiringRow, days: int) -> None:
    notification_id = new_id()
    await uow.execute(
        notification_queries.ANNOUNCE,
        id=notification_id,
        recipient_email=settings.expiry_recipient,
        subject=f"{row.doctor_id}: {row.name} expires on {row.expires_on}"[:255],
        message=f"The {row.name} of {row.full_name} ({row.doctor_id}) expires on {row.expires_on}.\n",
        message_id=message_id(notification_id, settings.message_domain),
        claim_reference=None,
        send_after=clock.now(),
        next_attempt_at=clock.now(),
        created_at=clock.now(),
        dedupe_key=rules.expiry_key(row.doctor_id, row.kind, row.expires_on, days),
    )


async def mark_stale(units: UnitOfWorkFactory, clock: Clock) -> None:
    """Mark verifications past their date, a batch a transaction, so that no lock is held for long."""
    marked = queries.STALE_BATCH
    while marked == queries.STALE_BATCH:
        async with units() as uow:
            marked = await uow.execute(queries.MARK_STALE, now=clock.now())


async def raise_overdue(uow: UnitOfWork, clock: Clock) -> None:
    """Raise the priority of each overdue review by one step and say so in its history, once."""
    for row in await uow.fetch_all(review_queries.OVERDUE, now=clock.now()):
        await _breach(uow, clock, row)


async def _breach(uow: UnitOfWork, clock: Clock, row: OverdueRow) -> None:
    now = clock.now()
    await uow.execute(review_queries.BREACH, review_id=row.id, new_priority=raised(row.priority), now=now)
    breached = TransitionRow(
        seq=row.version + 1,
        action="sla_breached",
        from_state=row.state,
        to_state=row.state,
        actor_id=SYSTEM,
        actor_role=SYSTEM,
        reason_code=None,
        comment=None,
        amount=None,
        at=now,
    )
    await uow.execute(
        review_queries.ADD_STEP, id=new_id(), reviewer_request_id=row.id, **msgspec.structs.asdict(breached)
    )
