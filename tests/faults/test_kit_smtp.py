"""The SMTP peer misbehaves as it is told, and its journal tells what it has taken."""

import hashlib
import smtplib
from collections.abc import Iterator

import pytest

from tests.peers.smtp import SmtpPeer, smtp_peer

TEXT = "Message-ID: <{number}@hexastar.test>\r\nSubject: hello\r\n\r\nbody\r\n"


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmtpPeer]:
    with smtp_peer(tmp_path_factory.mktemp("smtp")) as peer:
        yield peer


def send(peer: SmtpPeer, number: int, recipient: str = "ann@example.org") -> None:
    with smtplib.SMTP(peer.host, peer.port, timeout=20) as session:
        session.sendmail("us@example.org", [recipient], TEXT.format(number=number))


def test_the_journal_names_each_message_that_was_taken(peer: SmtpPeer) -> None:
    peer.forget()
    send(peer, 1)
    (arrival,) = peer.deliveries()
    assert (arrival.message_id, arrival.recipients) == ("<1@hexastar.test>", ["ann@example.org"])
    assert arrival.sha256 == hashlib.sha256(TEXT.format(number=1).encode()).hexdigest()


def test_the_service_is_closed_after_so_many_messages_since_the_mode_was_set(peer: SmtpPeer) -> None:
    peer.forget()
    send(peer, 1)
    peer.behave("421-after-2")
    send(peer, 2)
    send(peer, 3)
    with pytest.raises(smtplib.SMTPSenderRefused, match="421"):
        send(peer, 4)
    peer.behave("ok")
    send(peer, 5)
    assert len(peer.deliveries()) == 4


def test_a_message_whose_250_was_dropped_is_in_the_journal(peer: SmtpPeer) -> None:
    peer.forget()
    peer.behave("drop")
    with pytest.raises(smtplib.SMTPServerDisconnected):
        send(peer, 1)
    assert [arrival.message_id for arrival in peer.deliveries()] == ["<1@hexastar.test>"]


@pytest.mark.parametrize(("mode", "refusal"), [("550", "550"), ("450", "450")])
def test_a_refused_recipient_leaves_nothing_behind(peer: SmtpPeer, mode: str, refusal: str) -> None:
    peer.forget()
    peer.behave(mode)
    with pytest.raises(smtplib.SMTPRecipientsRefused, match=refusal):
        send(peer, 1, "refused@example.org")
    assert peer.deliveries() == []


def test_a_slow_server_has_the_message_before_it_answers(peer: SmtpPeer) -> None:
    peer.forget()
    peer.behave("slow-120")
    with (
        pytest.raises(smtplib.SMTPServerDisconnected, match="timed out"),
        smtplib.SMTP(peer.host, peer.port, timeout=1) as session,
    ):
        session.sendmail("us@example.org", ["ann@example.org"], TEXT.format(number=1))
    assert len(peer.deliveries()) == 1
