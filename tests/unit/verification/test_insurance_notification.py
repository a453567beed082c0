"""Notifications: nothing breaks out of a header, addresses are normalised, expiries are announced once a threshold."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.verification.insurance.rules import notification
from plugins.verification.insurance.rules.refusals import Refused


@pytest.mark.parametrize(
    "subject",
    [
        "Hi\r\nBcc: x@y.org",
        "Hi\nthere",
        "=?UTF-8?Q?=0A?=Bcc: x",
        "=?utf-8?B?DQpCY2M6IHg=?=",
        "a\x00b",
        "a\u2028b",
        "\x85",
    ],
)
def test_a_subject_that_would_break_its_header_is_refused(subject: str) -> None:
    with pytest.raises(Refused, match="header_injection"):
        notification.check_subject(subject)


@pytest.mark.parametrize(
    "subject", ["Your claim", "=?utf-8?Q?caf=C3=A9?=", "=?no-such-set?Q?a?=", "=?utf-8?B?a?=", "Grüße 🎉"]
)
def test_an_ordinary_subject_passes(subject: str) -> None:
    notification.check_subject(subject)


@pytest.mark.parametrize(
    ("address", "stored", "sent"),
    [
        ("Ana@Example.com", "Ana@example.com", "Ana@example.com"),
        ("ana@bücher.example", "ana@bücher.example", "ana@xn--bcher-kva.example"),
        ("ana@xn--bcher-kva.example", "ana@bücher.example", "ana@xn--bcher-kva.example"),
    ],
)
def test_an_address_is_normalised_and_sent_in_ascii(address: str, stored: str, sent: str) -> None:
    assert notification.normalise_address(address) == stored
    assert notification.transport_address(stored) == sent


@pytest.mark.parametrize(
    "address", ["a@b", "a@localhost", "a..b@x.com", "ä@x.com", "a" * 250 + "@x.com", "", "@", "a b@x.com"]
)
def test_an_address_that_mail_cannot_reach_is_refused(address: str) -> None:
    with pytest.raises(Refused, match="invalid_email"):
        notification.normalise_address(address)


def test_a_line_break_in_an_address_is_an_injection() -> None:
    with pytest.raises(Refused, match="header_injection"):
        notification.normalise_address("a@x.com\r\nBcc: b@x.com")


@given(st.text(max_size=60))
def test_what_passes_is_one_line(text: str) -> None:
    try:
        notification.check_subject(text)
    except Refused:
        return
    assert len(text.splitlines()) <= 1


@pytest.mark.parametrize(
    ("days", "reached"),
    [(91, None), (90, 90), (61, 90), (60, 60), (29, 30), (7, 7), (1, 7), (0, 0), (-7, 0), (-8, None)],
)
def test_a_credential_reaches_the_nearest_threshold_even_if_a_day_was_missed(days: int, reached: int | None) -> None:
    assert notification.threshold(days) == reached


def test_an_expiry_is_announced_once_a_threshold_and_again_after_a_renewal() -> None:
    key = notification.expiry_key("D-1", "license", date(2026, 5, 1), 30)
    assert key == "expiry:D-1:license:2026-05-01:30"
    assert key != notification.expiry_key("D-1", "license", date(2028, 5, 1), 30)


def test_a_failed_sending_is_repeated_four_times() -> None:
    assert notification.BACKOFF == (60, 300, 1800, 7200)
    assert notification.ATTEMPTS == 5
