"""The composer, fed with whatever a spreadsheet can hold."""

from datetime import UTC, datetime
from email import policy
from email.parser import BytesParser

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.mail.message import compose
from ports.errors import Rejected
from ports.mail import Attachment, Message

LETTER = Message(message_id="<1@hexastar.example>", recipients=("ada@example.com",), subject="Hi", text="Hello\n")
EXPECTED = ["from", "to", "subject", "date", "message-id", "content-type", "content-transfer-encoding", "mime-version"]

hostile = st.text(max_size=200) | st.lists(
    st.sampled_from(
        ["=?utf-8?q?", "=0A", "=0D=0A", "?=", "Bcc: e@x.example", "\r", "\n", " ", "ż", "é", "🎉", "a" * 30]
    ),
    max_size=12,
).map("".join)


@given(hostile)
def test_any_subject_is_refused_or_reads_back_as_it_was_and_adds_no_header(subject: str) -> None:
    try:
        composed = compose(msgspec.structs.replace(LETTER, subject=subject), "a@example.com")
    except Rejected:
        return
    parsed = BytesParser(policy=policy.SMTP).parsebytes(composed.content)
    assert [name.lower() for name in parsed] == EXPECTED
    assert parsed["Subject"].split() == subject.split()


@given(hostile)
def test_any_extra_header_is_refused_or_stays_one_header(value: str) -> None:
    try:
        composed = compose(msgspec.structs.replace(LETTER, headers=(("X-Note", value),)), "a@example.com")
    except Rejected:
        return
    parsed = BytesParser(policy=policy.SMTP).parsebytes(composed.content)
    assert [name.lower() for name in parsed] == [*EXPECTED[:5], "x-note", *EXPECTED[5:]]


@given(hostile)
def test_any_attachment_name_is_refused_or_reads_back(name: str) -> None:
    attachment = Attachment(name=name, media_type="text/plain", content=b"x")
    try:
        composed = compose(msgspec.structs.replace(LETTER, attachments=(attachment,)), "a@example.com")
    except Rejected:
        return
    (part,) = BytesParser(policy=policy.SMTP).parsebytes(composed.content).iter_attachments()
    assert part.get_filename() == name


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=3000))
def test_the_content_is_seven_bit_with_lines_that_every_server_takes(text: str) -> None:
    composed = compose(msgspec.structs.replace(LETTER, text=text), "a@example.com")
    assert composed.content.isascii()
    assert b"\n" not in composed.content.replace(b"\r\n", b"")
    assert max(map(len, composed.content.split(b"\r\n"))) <= 998


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ada",
        "ada@",
        "@example.com",
        "a..b@example.com",
        ".a@example.com",
        "ada@exa mple.com",
        "ada@-.com",
        "<ada@e.com",
        "a@b@example.com",
        "ada@example.com\x00",
        f"{'a' * 65}@example.com",
        "ada@example..com",
    ],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(Rejected, match="invalid_message"):
        compose(msgspec.structs.replace(LETTER, recipients=(address,)), "a@example.com")


def test_refusals_do_not_repeat_the_value() -> None:
    with pytest.raises(Rejected) as refused:
        compose(msgspec.structs.replace(LETTER, recipients=("sécret@example.com",)), "a@example.com")
    assert "sécret" not in str(refused.value)


def test_a_long_link_in_a_header_is_not_taken_apart() -> None:
    link = f"<https://example.com/{'a' * 300}>"
    composed = compose(msgspec.structs.replace(LETTER, headers=(("List-Unsubscribe", link),)), "a@example.com")
    assert link.encode() in composed.content


def test_the_date_is_the_one_given() -> None:
    composed = compose(LETTER, "a@example.com", datetime(2026, 3, 1, 12, 0, tzinfo=UTC))
    assert b"Date: Sun, 01 Mar 2026 12:00:00 +0000\r\n" in composed.content
