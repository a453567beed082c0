"""What every adapter of the mail port promises. Subclass `MailContract` and give it a `mailbox`.

Written so that the author of another adapter can run it: it needs pytest with pytest-asyncio and nothing of the core.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Any, cast

import msgspec
import pytest

from ports.errors import Rejected
from ports.mail import Attachment, Mail, Message

LETTER = Message(
    message_id="<0192f0c1.first@hexastar.example>",
    recipients=("ada@example.com",),
    subject="Your order",
    text="It is on its way.\n.a dot begins this line\n",
)

INJECTIONS = {
    "a line feed": "Hello\nBcc: eve@example.com",
    "a carriage return and a line feed": "Hello\r\nBcc: eve@example.com",
    "a line feed at the end": "Hello\n",
    "an encoded line feed (cpython#121650)": "=?UTF-8?Q?=0A?=Bcc: eve@example.com",
    "an encoded line feed in base64": "=?utf-8?b?Cg==?=Bcc: eve@example.com",
    "a NUL": "Hello\x00",
    "a vertical tab": "Hello\x0bBcc: eve@example.com",
    "a next line control": "Hello\x85Bcc: eve@example.com",
    "a line separator": "Hello\u2028Bcc: eve@example.com",
}


@dataclass(frozen=True)
class MailUnderTest:
    """An open adapter, and every message that it has handed over, as bytes."""

    mail: Mail
    received: Callable[[], list[bytes]]

    def last(self) -> EmailMessage:
        """Return the one message that arrived, parsed."""
        (content,) = self.received()
        return BytesParser(policy=policy.SMTP).parsebytes(content)


class MailContract:
    """The behavioural suite of `ports.mail.Mail`."""

    async def test_a_sent_message_has_arrived_with_its_headers_and_text(self, under_test: MailUnderTest) -> None:
        await under_test.mail.send(LETTER)
        arrived = under_test.last()
        assert arrived["Message-ID"] == LETTER.message_id
        assert arrived["Subject"] == "Your order"
        assert arrived["To"] == "ada@example.com"
        assert arrived["MIME-Version"] == "1.0"
        assert arrived["Date"].datetime.tzinfo is not None
        assert arrived.get_content().splitlines() == LETTER.text.splitlines()

    async def test_headers_appear_once_and_none_is_added(self, under_test: MailUnderTest) -> None:
        await under_test.mail.send(msgspec.structs.replace(LETTER, headers=(("X-Campaign", "spring"),)))
        names = sorted(name.lower() for name in under_test.last())
        asked = {"from", "to", "subject", "date", "message-id", "x-campaign"}
        assert names == sorted(asked | {"mime-version", "content-type", "content-transfer-encoding"})

    async def test_without_a_sender_the_configured_one_is_used(self, under_test: MailUnderTest) -> None:
        await under_test.mail.send(LETTER)
        assert under_test.last()["From"] == "hexastar@localhost"

    async def test_a_sender_and_a_reply_address_are_used_as_given(self, under_test: MailUnderTest) -> None:
        await under_test.mail.send(
            msgspec.structs.replace(LETTER, sender="Zoë Łącka <zoe@example.com>", reply_to="desk@example.com")
        )
        arrived = under_test.last()
        assert arrived["From"].addresses[0].display_name == "Zoë Łącka"
        assert arrived["From"].addresses[0].addr_spec == "zoe@example.com"
        assert arrived["Reply-To"] == "desk@example.com"

    async def test_every_recipient_is_named(self, under_test: MailUnderTest) -> None:
        await under_test.mail.send(msgspec.structs.replace(LETTER, recipients=("a@example.com", "b@example.org")))
        assert [one.addr_spec for one in under_test.last()["To"].addresses] == ["a@example.com", "b@example.org"]

    async def test_an_international_domain_travels_in_its_ascii_form(self, under_test: MailUnderTest) -> None:
        await under_test.mail.send(msgspec.structs.replace(LETTER, recipients=("jan@müller.example",)))
        assert under_test.last()["To"] == "jan@xn--mller-kva.example"

    @pytest.mark.parametrize("subject", ["Zażółć gęślą jaźń 🎉 " * 12, "word " * 60, "日本語の件名" * 20])
    async def test_long_and_foreign_subjects_survive_and_no_line_is_too_long(
        self, under_test: MailUnderTest, subject: str
    ) -> None:
        await under_test.mail.send(msgspec.structs.replace(LETTER, subject=subject))
        assert under_test.last()["Subject"].split() == subject.split()
        (content,) = under_test.received()
        assert max(map(len, content.split(b"\r\n"))) <= 78

    async def test_html_comes_as_an_alternative_to_the_text(self, under_test: MailUnderTest) -> None:
        await under_test.mail.send(msgspec.structs.replace(LETTER, html="<p>Na drodze … ok</p>"))
        arrived = under_test.last()
        assert arrived.get_content_type() == "multipart/alternative"
        plain, rich = cast("Any", arrived.get_body(("plain",))), cast("Any", arrived.get_body(("html",)))
        assert plain.get_content().splitlines() == LETTER.text.splitlines()
        assert rich.get_content().strip() == "<p>Na drodze … ok</p>"

    @pytest.mark.parametrize("name", ["bill.pdf", "rachunek za wrzesień … kopia " * 4 + ".pdf", 'a "quoted"; name.pdf'])
    async def test_attachments_arrive_byte_for_byte_under_their_names(
        self, under_test: MailUnderTest, name: str
    ) -> None:
        content = bytes(range(256)) * 40
        attachment = Attachment(name=name, media_type="application/pdf", content=content)
        await under_test.mail.send(msgspec.structs.replace(LETTER, attachments=(attachment,)))
        (arrived,) = under_test.last().iter_attachments()
        assert arrived.get_filename() == name
        assert arrived.get_content_type() == "application/pdf"
        assert arrived.get_content() == content

    @pytest.mark.parametrize("value", INJECTIONS.values(), ids=INJECTIONS)
    @pytest.mark.parametrize("field", ["subject", "sender", "reply_to", "recipient", "header", "attachment"])
    async def test_no_value_becomes_a_header_of_its_own(
        self, under_test: MailUnderTest, field: str, value: str
    ) -> None:
        changes: dict[str, Any] = {field: value}
        if field == "recipient":
            changes = {"recipients": (f"ada@example.com{value}",)}
        elif field == "header":
            changes = {"headers": (("X-Note", value),)}
        elif field == "attachment":
            changes = {"attachments": (Attachment(name=value, media_type="text/plain", content=b""),)}
        with pytest.raises(Rejected) as refused:
            await under_test.mail.send(msgspec.structs.replace(LETTER, **changes))
        assert refused.value.code == "invalid_message"
        assert under_test.received() == []

    @pytest.mark.parametrize("name", ["Bcc", "to", "Content-Type", "Return-Path", "X Space", "X:Colon", "", "X\nBcc"])
    async def test_headers_that_belong_to_the_message_itself_cannot_be_given(
        self, under_test: MailUnderTest, name: str
    ) -> None:
        with pytest.raises(Rejected, match="invalid_message"):
            await under_test.mail.send(msgspec.structs.replace(LETTER, headers=((name, "x"),)))

    @pytest.mark.parametrize(
        "changes",
        [
            {"recipients": ()},
            {"recipients": tuple(f"a{number}@example.com" for number in range(101))},
            {"recipients": ("nobody",)},
            {"recipients": ("jörg@example.com",)},
            {"recipients": ("a@example.com, b@example.com",)},
            {"message_id": "no-brackets@example.com"},
            {"message_id": "<a@example.com>\r\nBcc: <b@example.com>"},
            {"subject": "x" * 1100},
            {"text": "\ud800"},
            {"attachments": (Attachment(name="a", media_type="multipart/mixed", content=b""),)},
            {"attachments": (Attachment(name="a", media_type="text/plain", content=b"x" * 26 * 1024 * 1024),)},
        ],
        ids=[
            "nobody",
            "too many",
            "no at",
            "local part",
            "two in one",
            "id",
            "injecting id",
            "long word",
            "surrogate",
            "composite",
            "too big",
        ],
    )
    async def test_what_can_never_be_sent_is_rejected_before_anything_is_handed_over(
        self, under_test: MailUnderTest, changes: dict[str, Any]
    ) -> None:
        with pytest.raises(Rejected) as refused:
            await under_test.mail.send(msgspec.structs.replace(LETTER, **changes))
        assert refused.value.code == "invalid_message"
        assert under_test.received() == []

    async def test_many_messages_at_once_all_arrive(self, under_test: MailUnderTest) -> None:
        ids = [f"<{number}@hexastar.example>" for number in range(20)]
        await asyncio.gather(
            *(under_test.mail.send(msgspec.structs.replace(LETTER, message_id=message_id)) for message_id in ids)
        )
        arrived = [BytesParser(policy=policy.SMTP).parsebytes(content) for content in under_test.received()]
        assert sorted(message["Message-ID"] for message in arrived) == sorted(ids)

    async def test_ping_returns_while_messages_could_be_handed_over(self, under_test: MailUnderTest) -> None:
        await under_test.mail.ping()
