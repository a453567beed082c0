"""Mail through an SMTP server (RFC 5321), one connection a message.

A message goes to all of its recipients or to none: where the server refuses one of them, the transaction is given up
before the data. What a refusal means follows from where it came and from its first digit, as `ports.mail` promises;
the server's own words are kept out of errors, since they quote addresses.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Final, Literal

import aiosmtplib
import msgspec

from adapters.mail.message import Composed, compose
from adapters.network import is_this_machine
from ports.errors import OutcomeUnknown, Rejected, Unavailable
from ports.mail import Mail, Message
from ports.secrets import Secret

_ABOUT_THE_SESSION: Final = frozenset({421, 454, 503, 530, 534, 535, 538})
"""Replies about the session, not the message: closing, out of order, TLS or authentication missing or refused."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which server, and how to reach it.

    Attributes:
        host: the server's name; with TLS its certificate must be for it.
        port: 587 for STARTTLS, 465 for implicit TLS, 25 for none.
        username: user to authenticate as; empty for no authentication.
        password: the user's password.
        tls: how the connection is protected.
        certificate_authority: file with the certificates to trust; the system's where it is empty.
        sender: the address that messages come from unless they name another.
        timeout: seconds that each step may take.
        data_timeout: seconds that the server may take to answer after the message, ten minutes by RFC 5321.
        connections: messages that are handed over at the same time.
    """

    host: str
    sender: str
    port: int = 587
    username: str = ""
    password: Secret = Secret("")
    tls: Literal["none", "starttls", "implicit"] = "starttls"
    certificate_authority: str = ""
    timeout: float = 30.0
    data_timeout: float = 600.0
    connections: int = 4

    def unsafe(self) -> Iterator[tuple[str, str]]:
        """Yield the keys that production refuses, each with the reason."""
        if self.tls == "none" and self.password and not is_this_machine(self.host):
            yield "tls", "the password would travel in plain text"


@asynccontextmanager
async def open(settings: Settings) -> AsyncIterator[Mail]:  # noqa: A001 - every adapter is opened by this name
    """Yield mail that goes through the server; nothing is connected before the first message."""
    yield Smtp(settings)


class Smtp:
    """Hands messages to an SMTP server; see `ports.mail.Mail`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._free = asyncio.Semaphore(settings.connections)
        self._tls = None
        if settings.tls != "none":
            self._tls = ssl.create_default_context(cafile=settings.certificate_authority or None)

    async def send(self, message: Message) -> None:
        """Hand the message over; return on the server's 250 after the data."""
        composed = compose(message, self._settings.sender)
        async with self._free, self._connected() as session:
            await _address(session, composed)
            await self._hand_over(session, composed.content, message.message_id)

    async def ping(self) -> None:
        """Return when the server lets us in."""
        async with self._connected():
            return

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[aiosmtplib.SMTP]:
        """Yield a session past TLS and authentication; what breaks before the data is `Unavailable`."""
        settings = self._settings
        session = aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port,
            timeout=settings.timeout,
            use_tls=settings.tls == "implicit",
            start_tls=settings.tls == "starttls",
            tls_context=self._tls,
        )
        try:
            await session.connect()
            if settings.username:
                await session.login(settings.username, settings.password.reveal())
            yield session
            with suppress(aiosmtplib.SMTPException, OSError):  # the message is theirs; a rude farewell changes nothing
                await session.quit()
        except aiosmtplib.SMTPResponseException as refusal:
            raise Unavailable(f"the mail server refused the session with {refusal.code}") from refusal
        except (aiosmtplib.SMTPException, OSError) as failure:
            raise Unavailable(f"the mail server cannot be used: {type(failure).__name__}") from failure
        finally:
            session.close()

    async def _hand_over(self, session: aiosmtplib.SMTP, content: bytes, message_id: str) -> None:
        """Send the data. Only from the first byte of it on can the outcome be unknown."""
        reply = await session.execute_command(b"DATA")
        if reply.code != aiosmtplib.SMTPStatus.start_input:
            raise _judged(reply.code, "message_refused")
        protocol = session.protocol
        if protocol is None:
            raise Unavailable("the mail server closed the connection")
        try:
            protocol.write(_dot_stuffed(content))
            reply = await protocol.read_response(timeout=self._settings.data_timeout)
        except (aiosmtplib.SMTPException, OSError) as failure:
            raise OutcomeUnknown(message_id, "the connection broke before the server answered") from failure
        if reply.code != aiosmtplib.SMTPStatus.completed:
            raise _judged(reply.code, "message_refused")


async def _address(session: aiosmtplib.SMTP, composed: Composed) -> None:
    """Name the sender and every recipient; any refusal gives the message up while nothing has been handed over."""
    try:
        await session.mail(composed.sender)
        for recipient in composed.recipients:
            await session.rcpt(recipient)
    except aiosmtplib.SMTPSenderRefused as refusal:
        raise _judged(refusal.code, "sender_refused") from refusal
    except aiosmtplib.SMTPRecipientRefused as refusal:
        raise _judged(refusal.code, "recipient_refused") from refusal


def _judged(code: int, refusal: str) -> Unavailable | Rejected:
    """Return what a reply other than the hoped for means, by its first digit (RFC 5321, section 4.2.1)."""
    if code in _ABOUT_THE_SESSION or not 500 <= code < 600:  # noqa: PLR2004 - the protocol's own classes
        return Unavailable(f"the mail server answered {code}")
    if code == 552:  # noqa: PLR2004 - too big, wherever it is said
        refusal = "message_refused"
    return Rejected(refusal, f"the mail server answered {code}")


def _dot_stuffed(content: bytes) -> bytes:
    """Return the message as the protocol carries it: dots at line starts doubled, one dot alone at the end."""
    stuffed = content.replace(b"\r\n.", b"\r\n..")
    return stuffed + (b".\r\n" if stuffed.endswith(b"\r\n") else b"\r\n.\r\n")
