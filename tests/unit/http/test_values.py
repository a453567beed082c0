"""Values whose syntax JSON does not know are plain strings and decimals once they are in."""

from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.http.values import CurrencyAmount, EmailAddress, HeaderText, InvalidValue, Money, Timestamp, decode_value


class Payment(msgspec.Struct):
    amount: Money
    payer: EmailAddress | None = None


def test_values_are_plain_and_travel_as_such() -> None:
    payment = msgspec.json.decode(b'{"amount": "29.90", "payer": "A@EXAMPLE.org"}', type=Payment, dec_hook=decode_value)
    assert type(payment.amount) is Decimal
    assert type(payment.payer) is str
    assert msgspec.json.encode(payment) == b'{"amount":"29.90","payer":"A@example.org"}'


@given(st.decimals(-(10**12), 10**12, places=2))
def test_every_amount_comes_through_exactly(amount: Decimal) -> None:
    assert str(Money.parse(str(amount))) == str(amount)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (0.1 + 0.2, "float_money"),
        (1.0, "float_money"),
        (True, "type"),
        (None, "type"),
        ({}, "type"),
        ("", "money"),
        ("1e3", "money"),
        ("1e400", "money"),
        ("1,234.56", "money"),
        ("1_000", "money"),
        (" 1", "money"),
        ("+1", "money"),
        ("NaN", "money"),
        ("Infinity", "money"),
        ("1.234", "money"),
        ("٣", "money"),
        ("9" * 16, "money"),
    ],
)
def test_what_is_no_amount_is_refused(value: object, code: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        Money.parse(value)
    assert refused.value.code == code


def test_some_currencies_have_more_decimals() -> None:
    assert CurrencyAmount.parse("1.234") == Decimal("1.234")


@pytest.mark.parametrize(
    "value", ["a@b", "a@localhost", "a..b@x.org", "a@[127.0.0.1]", '"a b"@x.org', " a@x.org", "a" * 250 + "@x.org"]
)
def test_what_is_no_address_is_refused(value: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        EmailAddress.parse(value)
    assert refused.value.code == "invalid_email"


@pytest.mark.parametrize(
    "value", ["a@x.org\r\nBcc: b@x.org", "a\0@x.org", "=?UTF-8?Q?=0A?=Bcc:a@x.org", "a\u2028b", "a\u0080b", "=?x?q?"]
)
def test_what_breaks_out_of_a_header_is_refused(value: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        HeaderText.parse(value)
    assert refused.value.code == "header_injection"


def test_international_addresses_are_normalised() -> None:
    assert EmailAddress.parse("jörg@XN--MLLER-KVA.de") == "jörg@müller.de"


def test_an_instance_is_a_value_that_is_already_right() -> None:
    assert isinstance("a@x.org", EmailAddress)
    assert not isinstance("a@X.org", EmailAddress)
    assert isinstance(Decimal("1.20"), Money)
    assert not isinstance("1.20", Money)


@pytest.mark.parametrize(
    "value",
    [
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "1899-12-31T23:59:59Z",
        "9998-12-31T23:59:59-00:01",
        "2026-03-01T09:30:00",
        "2026-03-01",
        "",
        0,
        1e300,
        None,
    ],
)
def test_a_timestamp_that_no_clock_could_hold_is_refused(value: object) -> None:
    with pytest.raises(InvalidValue) as refused:
        Timestamp.parse(value)
    assert refused.value.code == "invalid_datetime"


def test_a_timestamp_is_taken_in_utc() -> None:
    assert Timestamp.parse("2026-03-01T09:30:00+02:00") == datetime(2026, 3, 1, 7, 30, tzinfo=UTC)
    assert Timestamp.parse("1900-01-01T00:00:00Z").year == 1900
    assert isinstance(datetime(2026, 3, 1, tzinfo=UTC), Timestamp)
