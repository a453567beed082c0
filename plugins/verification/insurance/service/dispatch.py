"""Handing notifications to the queue when their time has come."""

from core.clock import Clock
from core.unit_of_work import UnitOfWork
from plugins.verification.insurance.queries import notification as queries
from plugins.verification.insurance.service.delivery import SendNotification, send_notification


async def dispatch_due(uow: UnitOfWork, clock: Clock) -> None:
    """Queue pending notifications that are due; those whose sending was cut off long ago become uncertain."""
    await uow.execute(queries.GIVE_UP_LOST, now=clock.now())
    for notification_id in await uow.fetch_all(queries.DUE, now=clock.now()):
        await uow.execute(queries.QUEUE, notification_id=notification_id, due=clock.now())
        await uow.enqueue(send_notification, SendNotification(notification_id), key=str(notification_id))
