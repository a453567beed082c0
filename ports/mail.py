"""The system's own mail: one message handed to the world's mail system.

Promise. `send` returns once the far side has taken responsibility for the message (an SMTP 250 after the data, a
file that is safe on disk). It is not idempotent: the caller fixes `message_id` before the first attempt and keeps
it over retries, so that a receiver can recognise a repetition. Order between messages is not promised.
Limits. At most 100 recipients and 25 MiB a message. Header values hold no control character; an adapter refuses a
message whose serialised form would carry a header that the caller did not ask for.
Errors. `Unavailable` when nothing was accepted and it may work later (connection refused, 4yz reply);
`Rejected("invalid_message" | "recipient_refused" | "message_refused" | "sender_refused", …)` when it never will;
`OutcomeUnknown(message_id)` when the connection broke after the message was handed over and before it was answered.
"""

from typing import Protocol

import msgspec


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """A file that travels with a message. `name` is for display only; `content` are its raw bytes."""

    name: str
    media_type: str
    content: bytes


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One mail. `message_id` includes its angle brackets; `sender` None means the adapter's configured sender."""

    message_id: str
    recipients: tuple[str, ...]
    subject: str
    text: str
    html: str | None = None
    sender: str | None = None
    reply_to: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    attachments: tuple[Attachment, ...] = ()


class Mail(Protocol):
    """Sends the system's own mail."""

    async def send(self, message: Message) -> None:
        """Hand `message` over; return when the far side is responsible for it.

        Raises:
            Unavailable: nothing was accepted; try again later.
            Rejected: it will never be accepted as it is.
            OutcomeUnknown: it may have been accepted; the reference is the message id.
        """

    async def ping(self) -> None:
        """Return when a message could be handed over now.

        Raises:
            Unavailable: it could not.
        """
