"""Notifications: addresses in the form that servers take, retries, and expiries announced once a threshold."""

from datetime import date

import msgspec
import pytest

from plugins.verification.insurance.rules import notification
from plugins.verification.insurance.settings import InsuranceSettings


@pytest.mark.parametrize(
    ("stored", "sent"),
    [
        ("Ana@example.com", "Ana@example.com"),
        ("ana@bücher.example", "ana@xn--bcher-kva.example"),
        ("änne@bücher.example", "änne@bücher.example"),
        ("ana@lab.test", "ana@lab.test"),
    ],
)
def test_an_international_domain_is_sent_in_ascii(stored: str, sent: str) -> None:
    assert notification.transport_address(stored) == sent


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


def test_who_hears_of_expiries_has_an_address_or_is_nobody() -> None:
    assert msgspec.convert({"expiry_recipient": "Staff@EXAMPLE.org"}, InsuranceSettings).expiry_recipient
    assert msgspec.convert({}, InsuranceSettings).expiry_recipient == ""
    with pytest.raises(msgspec.ValidationError, match="expiry_recipient"):
        msgspec.convert({"expiry_recipient": "staff"}, InsuranceSettings)
