"""Registering a notification, and sending it."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from core.http.values import EmailAddress, Timestamp
from plugins.verification.insurance.schemas.values import ClaimReference, Subject

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=20000)]
NotificationStatus = Literal["pending", "queued", "sending", "sent", "uncertain", "failed"]


class NotificationRegistration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mail to be sent when somebody says so, not before `send_after`."""

    recipient_email: EmailAddress
    subject: Subject
    message: Text
    claim_reference: ClaimReference | None = None
    send_after: Timestamp | None = None


class NotificationSendIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A registered notification by its id, or the mail itself."""

    notification_id: UUID | None = None
    recipient_email: EmailAddress | None = None
    subject: Subject | None = None
    message: Text | None = None
    claim_reference: ClaimReference | None = None
    send_after: Timestamp | None = None


class RegisteredNotification(msgspec.Struct, frozen=True, kw_only=True):
    """A registered notification; the address is the normalised one."""

    id: UUID
    recipient_email: str
    subject: str
    claim_reference: str | None
    send_after: datetime | None
    sent: bool
    status: NotificationStatus
    created_at: datetime


class NotificationOut(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far the sending is. `uncertain`: it may have been sent, and nobody will blindly send it again."""

    notification_id: UUID
    status: NotificationStatus
    sent: bool
    sent_at: datetime | None = None
    already_sent: bool = False
