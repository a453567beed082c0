"""The contract of mail over both adapters, and what each promises beyond it."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest

from adapters.mail import maildir, smtp
from core.testing.contracts.mail import LETTER, MailContract, MailUnderTest
from ports.errors import OutcomeUnknown, Rejected, Unavailable
from ports.secrets import Secret
from tests.peers.smtp import PASSWORD, USERNAME, SmtpPeer, smtp_peer


class TestMaildir(MailContract):
    @pytest.fixture
    async def under_test(self, tmp_path: Path) -> AsyncIterator[MailUnderTest]:
        async with maildir.open(maildir.Settings(state_dir=str(tmp_path))) as mail:
            yield MailUnderTest(mail, lambda: [path.read_bytes() for path in (tmp_path / "mail" / "new").iterdir()])

    async def test_nothing_half_written_is_left_behind(self, under_test: MailUnderTest, tmp_path: Path) -> None:
        await under_test.mail.send(LETTER)
        assert list((tmp_path / "mail" / "tmp").iterdir()) == []

    async def test_a_folder_that_is_gone_is_unavailable(self, under_test: MailUnderTest, tmp_path: Path) -> None:
        (tmp_path / "mail").rename(tmp_path / "elsewhere")
        with pytest.raises(Unavailable):
            await under_test.mail.send(LETTER)
        with pytest.raises(Unavailable):
            await under_test.mail.ping()

    async def test_a_folder_that_cannot_be_made_is_unavailable(self, tmp_path: Path) -> None:
        (tmp_path / "mail").write_text("a file stands where the folder should be")
        with pytest.raises(Unavailable):
            async with maildir.open(maildir.Settings(state_dir=str(tmp_path))):
                pass


@pytest.fixture(scope="module")
def running_peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmtpPeer]:
    with smtp_peer(tmp_path_factory.mktemp("smtp")) as peer:
        yield peer


@pytest.fixture
def peer(running_peer: SmtpPeer) -> SmtpPeer:
    running_peer.forget()
    return running_peer


def settings_for(peer: SmtpPeer) -> smtp.Settings:
    return smtp.Settings(host=peer.host, port=peer.port, tls="none", sender="hexastar@localhost", timeout=5.0)


class TestSmtp(MailContract):
    @pytest.fixture
    async def under_test(self, peer: SmtpPeer) -> AsyncIterator[MailUnderTest]:
        async with smtp.open(settings_for(peer)) as mail:
            yield MailUnderTest(mail, lambda: [one.content for one in peer.received()])

    async def test_the_envelope_names_sender_and_recipients(self, under_test: MailUnderTest, peer: SmtpPeer) -> None:
        recipients = ("a@example.com", "b@müller.example")
        await under_test.mail.send(
            msgspec.structs.replace(LETTER, recipients=recipients, sender="A B <ab@example.com>")
        )
        (arrived,) = peer.received()
        assert arrived.sender == "ab@example.com"
        assert arrived.recipients == ["a@example.com", "b@xn--mller-kva.example"]

    @pytest.mark.parametrize("mode", ["421", "450", "451-data", "drop-before"])
    async def test_a_refusal_for_now_is_unavailable(self, under_test: MailUnderTest, peer: SmtpPeer, mode: str) -> None:
        peer.behave(mode)
        with pytest.raises(Unavailable):
            await under_test.mail.send(msgspec.structs.replace(LETTER, recipients=("refused@example.com",)))
        assert peer.received() == []

    @pytest.mark.parametrize(
        ("mode", "code"),
        [("550", "recipient_refused"), ("550-sender", "sender_refused"), ("554-data", "message_refused")],
    )
    async def test_a_refusal_for_good_is_rejected_and_says_whose_fault_it_is(
        self, under_test: MailUnderTest, peer: SmtpPeer, mode: str, code: str
    ) -> None:
        peer.behave(mode)
        with pytest.raises(Rejected) as refused:
            await under_test.mail.send(msgspec.structs.replace(LETTER, recipients=("refused@example.com",)))
        assert refused.value.code == code
        assert "refused@" not in str(refused.value)
        assert peer.received() == []

    @pytest.mark.parametrize(("mode", "family"), [("450", Unavailable), ("550", Rejected)])
    async def test_where_one_recipient_is_refused_none_gets_the_message(
        self, under_test: MailUnderTest, peer: SmtpPeer, mode: str, family: type[Exception]
    ) -> None:
        peer.behave(mode)
        with pytest.raises(family):
            await under_test.mail.send(
                msgspec.structs.replace(LETTER, recipients=("ada@example.com", "refused@example.com"))
            )
        assert peer.received() == []

    async def test_a_connection_lost_after_the_data_leaves_the_outcome_unknown(
        self, under_test: MailUnderTest, peer: SmtpPeer
    ) -> None:
        peer.behave("drop")
        with pytest.raises(OutcomeUnknown) as unknown:
            await under_test.mail.send(LETTER)
        assert unknown.value.reference == LETTER.message_id
        assert len(peer.received()) == 1

    async def test_a_server_that_never_answers_the_data_leaves_the_outcome_unknown(self, peer: SmtpPeer) -> None:
        peer.behave("slow")
        async with smtp.open(msgspec.structs.replace(settings_for(peer), data_timeout=0.2)) as mail:
            with pytest.raises(OutcomeUnknown) as unknown:
                await mail.send(LETTER)
        assert unknown.value.reference == LETTER.message_id

    async def test_after_a_failure_the_next_message_goes_through(
        self, under_test: MailUnderTest, peer: SmtpPeer
    ) -> None:
        peer.behave("drop-before")
        with pytest.raises(Unavailable):
            await under_test.mail.send(LETTER)
        peer.behave("ok")
        await under_test.mail.send(LETTER)
        assert len(peer.received()) == 1

    async def test_a_server_that_is_away_is_unavailable(self) -> None:
        away = smtp.Settings(host="127.0.0.1", port=9, tls="none", sender="a@example.com", timeout=2.0)
        async with smtp.open(away) as mail:
            with pytest.raises(Unavailable):
                await mail.send(LETTER)
            with pytest.raises(Unavailable):
                await mail.ping()


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
async def test_with_tls_and_a_password_the_message_goes_encrypted_and_authenticated(tls: str, tmp_path: Path) -> None:
    with smtp_peer(tmp_path, tls=tls, auth=True) as peer:
        async with smtp.open(secured(peer, tls, PASSWORD)) as mail:
            await mail.send(LETTER)
        (arrived,) = peer.received()
    assert arrived.over_tls
    assert arrived.authenticated


async def test_a_wrong_password_is_unavailable_and_not_told(tmp_path: Path) -> None:
    with smtp_peer(tmp_path, tls="starttls", auth=True) as peer:
        async with smtp.open(secured(peer, "starttls", "wrong donkey")) as mail:
            with pytest.raises(Unavailable) as failed:
                await mail.send(LETTER)
        assert peer.received() == []
    assert "donkey" not in str(failed.value)


async def test_where_a_server_wants_a_password_that_is_not_set_the_message_may_be_tried_again(tmp_path: Path) -> None:
    with smtp_peer(tmp_path, tls="starttls", auth=True) as peer:
        nameless = msgspec.structs.replace(secured(peer, "starttls", PASSWORD), username="")
        async with smtp.open(nameless) as mail:
            with pytest.raises(Unavailable):
                await mail.send(LETTER)
        assert peer.received() == []


async def test_a_certificate_that_is_not_trusted_is_unavailable(tmp_path: Path) -> None:
    with smtp_peer(tmp_path, tls="starttls", auth=True) as peer:
        distrustful = msgspec.structs.replace(secured(peer, "starttls", PASSWORD), certificate_authority="")
        async with smtp.open(distrustful) as mail:
            with pytest.raises(Unavailable):
                await mail.send(LETTER)
        assert peer.received() == []


async def test_a_server_without_starttls_gets_no_message_where_tls_is_asked_for(peer: SmtpPeer) -> None:
    insistent = msgspec.structs.replace(
        settings_for(peer), tls="starttls", certificate_authority=os.fspath(peer.certificate)
    )
    async with smtp.open(insistent) as mail:
        with pytest.raises(Unavailable):
            await mail.send(LETTER)
    assert peer.received() == []


def secured(peer: SmtpPeer, tls: str, password: str) -> smtp.Settings:
    return msgspec.convert(
        {
            "host": peer.host,
            "port": peer.port,
            "tls": tls,
            "sender": "hexastar@localhost",
            "username": USERNAME,
            "password": Secret(password),
            "certificate_authority": os.fspath(peer.certificate),
            "timeout": 5.0,
        },
        smtp.Settings,
    )
