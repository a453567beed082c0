"""Handing notifications to the queue when their time has come."""

from datetime import timedelta
from typing import Final

from core.clock import Clock
from core.unit_of_work import UnitOfWork
from plugins.verification.insurance.queries import notification as queries
from plugins.verification.insurance.service.delivery import SendNotification, send_notification

OVERDUE: Final = timedelta(minutes=15)
"""How late an attempt may be before its job is thought to be dead or cancelled."""


async def dispatch_due(uow: UnitOfWork, clock: Clock) -> None:
    """Queue pending notifications that are due, and give those a job again that have lost theirs.

    Those whose sending was cut off long ago become uncertain.
    """
    now = clock.now()
    await uow.execute(queries.GIVE_UP_LOST, now=now)
    due = await uow.fetch_all(queries.DUE, now=now)
    for notification_id in due:
        await uow.execute(queries.QUEUE, notification_id=notification_id, due=now)
    for notification_id in (*due, *await uow.fetch_all(queries.STRANDED, before=now - OVERDUE)):
        await uow.enqueue(send_notification, SendNotification(notification_id), key=str(notification_id))
