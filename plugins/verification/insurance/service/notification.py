"""Registering notifications, and having them sent: each by one durable job, never twice by our doing."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from core.clock import Clock, new_id
from core.http.idempotent_steps import IdempotentSteps
from core.http.problems import VALIDATION_ERROR, Fault, Problem
from core.unit_of_work import UnitOfWork, UnitOfWorkFactory
from plugins.verification.insurance import problems
from plugins.verification.insurance.queries import notification as queries
from plugins.verification.insurance.queries.notification import NotificationRow
from plugins.verification.insurance.rules.notification import BACKOFF
from plugins.verification.insurance.schemas.notification import (
    NotificationOut,
    NotificationRegistration,
    NotificationSendIn,
    RegisteredNotification,
)
from plugins.verification.insurance.service.delivery import Delivery, SendNotification, deliver, send_notification
from plugins.verification.insurance.service.references import exactly_one, not_found
from ports.mail import Mail

_MAIL: Final = ("recipient_email", "subject", "message")


async def register(
    uow: UnitOfWork, clock: Clock, message_domain: str, data: NotificationRegistration, notification_id: UUID
) -> RegisteredNotification:
    """Register a mail. It waits to be sent on request, or from `send_after` on by itself."""
    registered = RegisteredNotification(
        id=notification_id,
        recipient_email=data.recipient_email,
        subject=data.subject,
        claim_reference=data.claim_reference,
        send_after=data.send_after,
        sent=False,
        status="pending",
        created_at=clock.now(),
    )
    values: dict[str, Any] = msgspec.structs.asdict(registered)
    del values["sent"], values["status"]
    await uow.execute(
        queries.REGISTER,
        **values,
        message=data.message,
        message_id=message_id(notification_id, message_domain),
        next_attempt_at=data.send_after,
    )
    return registered


def message_id(notification_id: UUID, domain: str) -> str:
    """Return the Message-ID of a notification: one for all attempts, so that a receiver knows a repetition."""
    return f"<{notification_id}@{domain}>"


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends notifications on request, in steps that a repeated request with the same key takes up again."""

    units: UnitOfWorkFactory
    steps: IdempotentSteps
    mail: Mail
    clock: Clock
    message_domain: str

    async def send(self, data: NotificationSendIn, *, wait: bool) -> NotificationOut:
        """Queue a notification, registered or given here; with `wait`, try to send it before answering.

        Raises:
            Problem: `ambiguous_reference`, `insurance_request_not_found`, `suppressed_recipient`,
                `notification_uncertain`; with `wait`, also `mail_transport_down`.
            PortError: with `wait`: the mail system refused it, or did not confirm it.
        """
        async with self.units() as uow:
            row = await self._row(uow, data)
            if row.sent:
                return NotificationOut(
                    notification_id=row.id, status="sent", sent=True, sent_at=row.sent_at, already_sent=True
                )
            await _refuse_hopeless(uow, row)
            due = max(row.send_after or self.clock.now(), self.clock.now())
            waits = wait and due <= self.clock.now()
            if row.status in {"pending", "failed"}:
                await uow.execute(queries.QUEUE, notification_id=row.id, due=due)
            # Where we try ourselves, the job is the second attempt, or the first one if we are cut off.
            at = due + timedelta(seconds=BACKOFF[0]) if waits else due
            await uow.enqueue(send_notification, SendNotification(row.id), key=str(row.id), at=at)
        if not waits:
            return NotificationOut(notification_id=row.id, status="queued", sent=False)
        return _answer(row.id, await deliver(self.units, self.mail, self.clock, row.id))

    async def _row(self, uow: UnitOfWork, data: NotificationSendIn) -> NotificationRow:
        """Return the notification that is asked for; one that is given here is registered, once."""
        stated = next((name for name in _MAIL if getattr(data, name) is not None), None)
        exactly_one(notification_id=data.notification_id, message=stated)
        made_here = UUID(await self._reference(uow))
        sought = data.notification_id or made_here
        row = await uow.fetch_one(queries.HELD, notification_id=sought)
        if row is None and data.notification_id is None:
            await register(uow, self.clock, self.message_domain, _complete(data), made_here)
            row = await uow.fetch_one(queries.HELD, notification_id=made_here)
        if row is None:
            raise not_found("/notification_id")
        return row

    async def _reference(self, uow: UnitOfWork) -> str:
        reference = str(new_id())
        return await self.steps.begin(uow, reference) or reference


def _answer(notification_id: UUID, delivery: Delivery) -> NotificationOut:
    """Answer what came of an attempt; what could not be sent now is left to the job."""
    if delivery.error is None:
        return NotificationOut(
            notification_id=notification_id,
            status=delivery.status,
            sent=delivery.sent_at is not None,
            sent_at=delivery.sent_at,
        )
    if delivery.retry_after is None:
        raise delivery.error
    headers = {"Retry-After": str(int(delivery.retry_after))}
    raise Problem(problems.MAIL_TRANSPORT_DOWN, headers=headers) from delivery.error


async def _refuse_hopeless(uow: UnitOfWork, row: NotificationRow) -> None:
    if row.status == "uncertain":
        raise Problem(problems.NOTIFICATION_UNCERTAIN)
    if await uow.fetch_one(queries.IS_SUPPRESSED, address=row.recipient_email):
        fault = Fault("/recipient_email", problems.SUPPRESSED_RECIPIENT.code, "The address has refused mail before.")
        raise Problem(problems.SUPPRESSED_RECIPIENT, faults=[fault])


def _complete(data: NotificationSendIn) -> NotificationRegistration:
    """Return the mail that the request itself states; what it lacks is reported all at once."""
    if data.recipient_email is None or data.subject is None or data.message is None:
        missing = [name for name in _MAIL if getattr(data, name) is None]
        raise Problem(
            VALIDATION_ERROR, faults=[Fault(f"/{name}", "missing_field", "This is needed.") for name in missing]
        )
    return NotificationRegistration(
        recipient_email=data.recipient_email,
        subject=data.subject,
        message=data.message,
        claim_reference=data.claim_reference,
        send_after=data.send_after,
    )
