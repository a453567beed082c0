"""One composer for all adapters: RFC 5322 bytes that carry the headers asked for and no other.

Header values come from people and spreadsheets. Python's own e-mail package lets some of them become headers of
their own (an encoded word that holds a line feed, a line feed at the end: cpython#121650), so values are refused
before they are used, the header block is folded here, and the finished message is parsed again and compared.
"""

import re
from datetime import UTC, datetime
from email import policy
from email.header import Header
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import format_datetime, quote
from typing import Final

import idna
import msgspec

from ports.errors import Rejected
from ports.mail import Attachment, Message

MAX_RECIPIENTS: Final = 100
MAX_BYTES: Final = 25 * 1024 * 1024
WIDTH: Final = 78
MAX_LINE: Final = 998

_POLICY: Final = policy.SMTP.clone(cte_type="7bit")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_ENCODED_WORD: Final = re.compile(r"=\?[^?\s]*\?[bqBQ]\?")
_HEADER_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,75}")
_MESSAGE_ID: Final = re.compile(r"<[!-;=?A-~]{1,200}@[!-;=?A-~]{1,200}>")
_MEDIA_TYPE: Final = re.compile(r"(?!multipart/|message/)([a-z0-9][a-z0-9!#$&^_.+-]*)/([a-z0-9][a-z0-9!#$&^_.+-]*)")
_MAILBOX: Final = re.compile(r"\s*(?:\"?(?P<name>[^<>\"]*?)\"?\s*<(?P<address>[^<>\s]+)>|(?P<bare>[^<>\s]+))\s*")
_LOCAL_PART: Final = re.compile(r"(?=.{1,64}$)[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_OURS: Final = re.compile(
    r"from|sender|reply-to|to|cc|bcc|date|subject|message-id|mime-version|return-path|received|dkim-.*|arc-.*"
    r"|content-.*|resent-.*",
    re.IGNORECASE,
)


class Composed(msgspec.Struct, frozen=True):
    """A message ready to be handed over: the envelope's addresses, and the serialised message with CRLF line ends."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes


def compose(message: Message, default_sender: str, date: datetime | None = None) -> Composed:
    """Return `message` as RFC 5322 bytes.

    Raises:
        Rejected: `invalid_message`, with the part that cannot be sent named and its value left out.
    """
    if not 1 <= len(message.recipients) <= MAX_RECIPIENTS:
        raise _invalid(f"a message has 1 to {MAX_RECIPIENTS} recipients")
    if not _MESSAGE_ID.fullmatch(message.message_id):
        raise _invalid("the message id must be printable ASCII in the form <left@right>")
    sender_name, sender = _mailbox("sender", message.sender or default_sender)
    recipients = tuple(_mailbox("recipient", recipient)[1] for recipient in message.recipients)
    headers = [
        ("From", _shown(sender_name, sender)),
        ("To", ", ".join(recipients)),
        ("Subject", _clean("subject", message.subject)),
        ("Date", format_datetime(date or datetime.now(UTC))),
        ("Message-ID", message.message_id),
    ]
    if message.reply_to:
        headers.append(("Reply-To", _shown(*_mailbox("reply_to", message.reply_to))))
    headers += [_extra_header(name, value) for name, value in message.headers]
    try:
        body = _body(message)
    except UnicodeError:
        raise _invalid("the text holds half of a surrogate pair") from None
    head = "".join(f"{name}: {_folded(name, value)}\r\n" for name, value in headers)
    if max(map(len, head.splitlines())) > MAX_LINE:
        raise _invalid(f"a header has at most {MAX_LINE} characters without a space")
    content = head.encode("ascii") + body.as_bytes()
    if len(content) > MAX_BYTES:
        raise _invalid(f"a message has at most {MAX_BYTES} bytes")
    _compare(content, [*(name for name, _ in headers), *body.keys()], message)
    return Composed(sender, recipients, content)


def _invalid(detail: str) -> Rejected:
    return Rejected("invalid_message", detail)


def _clean(what: str, value: str) -> str:
    if _CONTROL.search(value):
        raise _invalid(f"the {what} holds a control character")
    if _ENCODED_WORD.search(value):
        raise _invalid(f"the {what} holds an encoded word, which could hide a control character")
    return value


def _mailbox(what: str, value: str) -> tuple[str, str]:
    """Return display name and address; an international domain becomes its ASCII form (RFC 5891)."""
    match = _MAILBOX.fullmatch(_clean(what, value))
    if match is None:
        raise _invalid(f"the {what} is not an e-mail address")
    local, _, domain = (match["address"] or match["bare"]).rpartition("@")
    if not _LOCAL_PART.fullmatch(local):
        raise _invalid(f"the {what} has no part before the @ that every mail server takes")
    try:
        ascii_domain = idna.encode(domain, uts46=True).decode("ascii")
    except idna.IDNAError:
        raise _invalid(f"the {what} has no valid domain") from None
    return (match["name"] or "").strip(), f"{local}@{ascii_domain}"


def _shown(name: str, address: str) -> str:
    if not name:
        return address
    shown = f'"{quote(name)}"' if name.isascii() else Header(name, "utf-8", maxlinelen=60).encode(linesep="\r\n")
    return f"{shown} <{address}>"


def _extra_header(name: str, value: str) -> tuple[str, str]:
    if not _HEADER_NAME.fullmatch(name) or _OURS.fullmatch(name):
        raise _invalid("a header's name is malformed or belongs to the message itself")
    return name, _clean(f"header {name}", value)


def _folded(name: str, value: str) -> str:
    """Fold at spaces as RFC 5322 says; what is not ASCII becomes encoded words of at most 75 (RFC 2047)."""
    if "\r\n" in value:  # a display name that has been encoded and folded already
        return value
    if not value.isascii():
        return Header(value, "utf-8", header_name=name, maxlinelen=76).encode(linesep="\r\n")
    lines: list[str] = []
    for word in value.split():
        if lines and len(lines[-1]) + len(word) < WIDTH - (len(name) + 2 if len(lines) == 1 else 1):
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return "\r\n ".join(lines)


def _body(message: Message) -> EmailMessage:
    body = EmailMessage(policy=_POLICY)
    body.set_content(message.text)
    if message.html is not None:
        body.add_alternative(message.html, subtype="html")
    for attachment in message.attachments:
        _attach(body, attachment)
    return body


def _attach(body: EmailMessage, attachment: Attachment) -> None:
    media_type = _MEDIA_TYPE.fullmatch(attachment.media_type.lower())
    if media_type is None:
        raise _invalid("an attachment's media type is malformed or composite")
    name = _clean("attachment's name", attachment.name)
    body.add_attachment(attachment.content, maintype=media_type[1], subtype=media_type[2], filename=name)


def _compare(content: bytes, asked: list[str], message: Message) -> None:
    """Refuse the message where a parser finds other headers, another subject or other attachments than asked for."""
    parsed = BytesParser(policy=policy.SMTP).parsebytes(content)
    same = (
        [name.lower() for name in parsed] == [name.lower() for name in asked]
        and _squeezed(str(parsed["Subject"])) == _squeezed(message.subject)
        and [part.get_filename() for part in parsed.iter_attachments()] == [one.name for one in message.attachments]
        and not parsed.defects
    )
    if not same:
        raise _invalid("the serialised message does not read back as it was asked for")


def _squeezed(text: str) -> str:
    return " ".join(text.split())
