"""Notifications."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import bindparam, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert

from plugins.verification.insurance.schemas.notification import NotificationStatus
from plugins.verification.insurance.tables import NotificationRequest as Notification
from ports.storage import Command, Query

DISPATCH_BATCH: Final = 500


class NotificationRow(msgspec.Struct, frozen=True):
    """A notification and how far its sending is."""

    id: UUID
    recipient_email: str
    subject: str
    message: str
    message_id: str
    sent: bool
    status: NotificationStatus
    attempts: int
    sent_at: datetime | None
    next_attempt_at: datetime | None
    claim_reference: str | None
    send_after: datetime | None
    created_at: datetime


_NEW: Final = (
    "id",
    "recipient_email",
    "subject",
    "message",
    "message_id",
    "claim_reference",
    "send_after",
    "next_attempt_at",
    "created_at",
)
_ROW: Final = select(*(getattr(Notification, name) for name in NotificationRow.__struct_fields__))
_NEW_VALUES: Final[dict[str, Any]] = {name: bindparam(name) for name in _NEW}

REGISTER: Final = Command(insert(Notification).values(_NEW_VALUES))
ANNOUNCE: Final = Command(
    postgresql_insert(Notification)
    .values(_NEW_VALUES | {"dedupe_key": bindparam("dedupe_key")})
    .on_conflict_do_nothing(index_elements=[Notification.dedupe_key], index_where=Notification.dedupe_key.is_not(None))
)
HELD: Final = Query(_ROW.where(Notification.id == bindparam("notification_id")).with_for_update(), into=NotificationRow)
IS_SUPPRESSED: Final = Query(
    select(
        select(Notification.id)
        .where(
            Notification.recipient_email == bindparam("address"), Notification.last_error == text("'recipient_refused'")
        )
        .exists()
        .label("suppressed")
    ),
    into=bool,
)
QUEUE: Final = Command(
    update(Notification)
    .where(Notification.id == bindparam("notification_id"))
    .values(status="queued", attempts=0, last_error=None, next_attempt_at=bindparam("due"))
)
CLAIM: Final = Command(
    update(Notification)
    .where(Notification.id == bindparam("notification_id"))
    .values(status="sending", attempts=Notification.attempts + 1, next_attempt_at=bindparam("lease_until"))
)
SETTLE: Final = Command(
    update(Notification)
    .where(Notification.id == bindparam("notification_id"), Notification.status == "sending")
    .values(
        status=bindparam("new_status"),
        sent=bindparam("now_sent"),
        sent_at=bindparam("at"),
        last_error=bindparam("error"),
        next_attempt_at=bindparam("due"),
    )
)
DUE: Final = Query(
    select(Notification.id)
    .where(
        Notification.sent == text("false"),
        Notification.status == "pending",
        Notification.next_attempt_at <= bindparam("now"),
    )
    .order_by(Notification.next_attempt_at, Notification.id)
    .limit(DISPATCH_BATCH)
    .with_for_update(skip_locked=True),
    into=UUID,
)
STRANDED: Final = Query(
    select(Notification.id)
    .where(
        Notification.sent == text("false"),
        Notification.status == "queued",
        Notification.next_attempt_at < bindparam("before"),
    )
    .order_by(Notification.next_attempt_at, Notification.id)
    .limit(DISPATCH_BATCH),
    into=UUID,
)
GIVE_UP_LOST: Final = Command(
    update(Notification)
    .where(
        Notification.sent == text("false"),
        Notification.status == "sending",
        Notification.next_attempt_at < bindparam("now"),
    )
    .values(status="uncertain", last_error="interrupted", next_attempt_at=None)
)
