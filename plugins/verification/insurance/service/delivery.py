"""Handing one notification to the mail system, in steps that may be cut off anywhere.

Step one, committed: the notification is claimed and counts as being sent. Step two: the mail port is called. Step
three, committed: what came of it. Whoever finds a notification claimed by an attempt that is gone cannot know whether
the mail went out, so it becomes `uncertain` and is left to a person.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from core.clock import Clock
from core.failpoints import Failpoint
from core.jobs.declare import Retry, job
from core.unit_of_work import UnitOfWork, UnitOfWorkFactory
from plugins.verification.insurance.queries import notification as queries
from plugins.verification.insurance.queries.notification import NotificationRow
from plugins.verification.insurance.rules.notification import ATTEMPTS, BACKOFF, transport_address
from plugins.verification.insurance.schemas.notification import NotificationStatus
from ports.errors import OutcomeUnknown, PortError, Rejected, Unavailable
from ports.mail import Mail, Message

TIMEOUT: Final = 60.0
LEASE: Final = timedelta(seconds=2 * TIMEOUT)
"""How long a claim is believed; longer than an attempt may last."""


_CLAIMED: Final = Failpoint("verification.notification_claimed")
_SENT: Final = Failpoint("verification.notification_sent")
_SETTLED: Final = Failpoint("verification.notification_settled")


class SendNotification(msgspec.Struct, frozen=True):
    """Which notification to send."""

    notification_id: UUID


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one attempt; `retry_after` are the seconds to wait where another one is due."""

    status: NotificationStatus
    sent_at: datetime | None = None
    retry_after: float | None = None
    error: PortError | None = None


@job(
    "verification.send_notification",
    timeout=TIMEOUT,
    attempts=ATTEMPTS,
    backoff=BACKOFF,
    stepwise=True,
    unique="until_done",
)
async def send_notification(payload: SendNotification, units: UnitOfWorkFactory, mail: Mail, clock: Clock) -> None:
    """Send one notification; an unavailable mail system is tried again, a refusal and an unknown outcome are not."""
    delivery = await deliver(units, mail, clock, payload.notification_id)
    if delivery.retry_after is not None:
        raise Retry(str(delivery.error), after=delivery.retry_after)


async def deliver(units: UnitOfWorkFactory, mail: Mail, clock: Clock, notification_id: UUID) -> Delivery:
    """Make one attempt at a queued notification and return what came of it; others are left as they are."""
    async with units() as uow:
        row = await uow.fetch_one(queries.HELD, notification_id=notification_id)
        if row is None or row.status not in {"queued", "sending"}:
            return Delivery(status=row.status if row else "failed", sent_at=row.sent_at if row else None)
        if row.status == "sending":
            return await _found_claimed(uow, clock, row)
        await uow.execute(queries.CLAIM, notification_id=row.id, lease_until=clock.now() + LEASE)
    _CLAIMED()
    delivery = await _attempt(mail, clock, row)
    _SENT()
    async with units() as uow:
        await _settle(uow, clock, row.id, delivery)
    _SETTLED()
    return delivery


async def _found_claimed(uow: UnitOfWork, clock: Clock, row: NotificationRow) -> Delivery:
    """Wait for the attempt that claimed it, or give up on one whose lease is over."""
    left = ((row.next_attempt_at or clock.now()) - clock.now()).total_seconds()
    if left > 0:
        return Delivery(status="sending", retry_after=left)
    lost = OutcomeUnknown(row.message_id, "an earlier attempt was cut off")
    delivery = Delivery(status="uncertain", error=lost)
    await _settle(uow, clock, row.id, delivery)
    return delivery


async def _attempt(mail: Mail, clock: Clock, row: NotificationRow) -> Delivery:
    message = Message(
        message_id=row.message_id,
        recipients=(transport_address(row.recipient_email),),
        subject=row.subject,
        text=row.message,
    )
    try:
        await mail.send(message)
    except Unavailable as error:
        return _postponed(row.attempts + 1, error)
    except Rejected as error:
        return Delivery(status="failed", error=error)
    except OutcomeUnknown as error:
        return Delivery(status="uncertain", error=error)
    return Delivery(status="sent", sent_at=clock.now())


def _postponed(attempt: int, error: Unavailable) -> Delivery:
    if attempt >= ATTEMPTS:
        return Delivery(status="failed", error=error)
    return Delivery(status="queued", retry_after=max(BACKOFF[attempt - 1], error.retry_after or 0), error=error)


async def _settle(uow: UnitOfWork, clock: Clock, notification_id: UUID, delivery: Delivery) -> None:
    due = None if delivery.retry_after is None else clock.now() + timedelta(seconds=delivery.retry_after)
    await uow.execute(
        queries.SETTLE,
        notification_id=notification_id,
        new_status=delivery.status,
        now_sent=delivery.sent_at is not None,
        at=delivery.sent_at,
        error=_short(delivery.error),
        due=due,
    )


def _short(error: PortError | None) -> str | None:
    """Return an error as a notification keeps it: a stable word, never the text of a vendor."""
    if isinstance(error, Rejected):
        return error.code
    return {Unavailable: "unavailable", OutcomeUnknown: "outcome_unknown"}.get(type(error)) if error else None
