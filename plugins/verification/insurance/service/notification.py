"""Registering notifications, and having them sent: each by one durable job, never twice by our doing."""

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from core.clock import Clock, new_id
from core.http.problems import Fault, Problem
from core.unit_of_work import UnitOfWork, UnitOfWorkFactory
from plugins.verification.insurance import problems
from plugins.verification.insurance.queries import notification as queries
from plugins.verification.insurance.queries.notification import NotificationRow
from plugins.verification.insurance.schemas.notification import (
    NotificationOut,
    NotificationRegistration,
    NotificationSendIn,
    RegisteredNotification,
)
from plugins.verification.insurance.service.delivery import SendNotification, deliver, send_notification
from plugins.verification.insurance.service.references import exactly_one, not_found
from ports.mail import Mail

_MAIL: Final = ("recipient_email", "subject", "message")


async def register(
    uow: UnitOfWork, clock: Clock, message_domain: str, data: NotificationRegistration
) -> RegisteredNotification:
    """Register a mail. It waits to be sent on request, or from `send_after` on by itself."""
    registered = RegisteredNotification(
        id=new_id(),
        recipient_email=data.recipient_email,
        subject=data.subject,
        claim_reference=data.claim_reference,
        send_after=data.send_after,
        sent=False,
        status="pending",
        created_at=clock.now(),
    )
    await uow.execute(queries.REGISTER, **_values(registered, data.message, message_domain))
    return registered


async def send(
    units: UnitOfWorkFactory, mail: Mail, clock: Clock, message_domain: str, data: NotificationSendIn, *, wait: bool
) -> NotificationOut:
    """Queue a notification, registered or given here; with `wait`, try to send it before answering.

    Raises:
        Problem: `ambiguous_reference`, `insurance_request_not_found`, `suppressed_recipient`,
            `notification_uncertain`; with `wait`, also `mail_transport_down` and what the mail system refused.
    """
    async with units() as uow:
        row = await _queued(uow, clock, message_domain, data)
        due = max(row.send_after or clock.now(), clock.now())
        now_or_later = wait and due <= clock.now()
        if not row.sent and not now_or_later:
            await uow.enqueue(send_notification, SendNotification(row.id), key=str(row.id), at=due)
    if row.sent:
        return NotificationOut(notification_id=row.id, status="sent", sent=True, sent_at=row.sent_at, already_sent=True)
    if not now_or_later:
        return NotificationOut(notification_id=row.id, status="queued", sent=False)
    return await _sent_now(units, mail, clock, row.id)


async def _sent_now(units: UnitOfWorkFactory, mail: Mail, clock: Clock, notification_id: UUID) -> NotificationOut:
    """Try once; what cannot be sent now is left to the job."""
    delivery = await deliver(units, mail, clock, notification_id)
    if delivery.retry_after is not None and delivery.error is not None:
        async with units() as uow:
            at = clock.now() + timedelta(seconds=delivery.retry_after)
            await uow.enqueue(send_notification, SendNotification(notification_id), key=str(notification_id), at=at)
        headers = {"Retry-After": str(int(delivery.retry_after))}
        raise Problem(problems.MAIL_TRANSPORT_DOWN, headers=headers) from delivery.error
    if delivery.error is not None:
        raise delivery.error
    return NotificationOut(
        notification_id=notification_id,
        status=delivery.status,
        sent=delivery.sent_at is not None,
        sent_at=delivery.sent_at,
    )


async def _queued(uow: UnitOfWork, clock: Clock, message_domain: str, data: NotificationSendIn) -> NotificationRow:
    """Return the notification that is asked for, queued unless it is sent, or being sent."""
    inline = next((name for name in _MAIL if getattr(data, name) is not None), None)
    way = exactly_one(notification_id=data.notification_id, **{inline or "recipient_email": inline})
    notification_id = data.notification_id
    if way != "notification_id" or notification_id is None:
        notification_id = (await register(uow, clock, message_domain, _complete(data))).id
    row = await uow.fetch_one(queries.HELD, notification_id=notification_id)
    if row is None:
        raise not_found("/notification_id")
    if row.sent or row.status == "sending":
        return row
    if row.status == "uncertain":
        raise Problem(problems.NOTIFICATION_UNCERTAIN)
    if await uow.fetch_one(queries.IS_SUPPRESSED, address=row.recipient_email):
        fault = Fault("/recipient_email", problems.SUPPRESSED_RECIPIENT.code, "The address has refused mail before.")
        raise Problem(problems.SUPPRESSED_RECIPIENT, faults=[fault])
    await uow.execute(queries.QUEUE, notification_id=row.id, due=row.send_after)
    return row


def _complete(data: NotificationSendIn) -> NotificationRegistration:
    """Return the mail that the request itself states; what it lacks is reported all at once."""
    faults = [Fault(f"/{name}", "missing_field", "This is needed.") for name in _MAIL if getattr(data, name) is None]
    if data.recipient_email is None or data.subject is None or data.message is None:
        raise Problem(problems.AMBIGUOUS_REFERENCE, faults=faults)
    return NotificationRegistration(
        recipient_email=data.recipient_email,
        subject=data.subject,
        message=data.message,
        claim_reference=data.claim_reference,
        send_after=data.send_after,
    )


def _values(registered: RegisteredNotification, message: str, domain: str) -> dict[str, Any]:
    values: dict[str, Any] = msgspec.structs.asdict(registered)
    del values["sent"], values["status"]
    return values | {
        "message": message,
        "message_id": message_id(registered.id, domain),
        "next_attempt_at": registered.send_after,
    }


def message_id(notification_id: UUID, domain: str) -> str:
    """Return the Message-ID of a notification: one for all attempts, so that a receiver knows a repetition."""
    return f"<{notification_id}@{domain}>"
