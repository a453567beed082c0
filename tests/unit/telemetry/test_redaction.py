"""What never reaches a log line or a span."""

import dataclasses
from datetime import UTC, datetime
from time import process_time
from typing import Any
from uuid import UUID

import msgspec
import pytest

from core import redaction
from core.redaction import know_secrets, redact_event, redact_text
from ports.secrets import Secret

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjMifQ.c2lnbmF0dXJl"

SECRET_NAMES = {
    "password", "new_password", "Authorization", "set-cookie", "access_token", "refreshToken", "client_secret",
    "X-API-Key", "api_key", "admin_key", "dsn", "card_number", "cvc", "totp_seed", "oauth_code", "ssn", "diagnosis",
    "body",
}  # fmt: skip


def redact(**event: Any) -> str:
    return str(redact_event(None, "info", event))


@pytest.mark.parametrize(
    "name",
    sorted(SECRET_NAMES),
)
def test_fields_with_telling_names_are_never_shown(name: str) -> None:
    assert "swordfish" not in redact(**{name: "swordfish"})
    assert "swordfish" not in redact(request={"headers": [{name: {"inner": "swordfish"}}]})


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"got {JWT} from the client", "c2lnbmF0dXJl"),
        ("Authorization was Bearer abc123def456", "abc123def456"),
        ("basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
        ("cannot reach postgresql://app:hunter22@db:5432/x", "hunter22"),
        ("card 4111 1111 1111 1111 declined", "1111 1111"),
        ("card 4111-1111-1111-1111", "1111-1111"),
        ("amex=378282246310005", "378282246310005"),
        ("patient 123-45-6789", "123-45-6789"),
        ("mail to Ada.Lovelace+x@Example.co.uk bounced", "Lovelace"),
        ("GET /callback?code=4/0AX4XfWh&state=xyzzy", "4/0AX4XfWh"),
        ("GET /o?X-Amz-Signature=deadbeef99&b=1", "deadbeef99"),
        ("retry with password=swordfish now", "swordfish"),
        ("line one\nBearer\tabcdef123", "abcdef123"),
    ],
)
def test_values_that_give_themselves_away_are_masked_wherever_they_stand(text: str, secret: str) -> None:
    assert secret not in redact_text(text)
    assert secret not in redact(event=text)
    assert secret not in redact(error=ValueError(text))
    assert secret not in redact(deep=[{"a": (text,)}])


@pytest.mark.parametrize(
    "text",
    [
        "GET /api/v1/orders/0192f0c1-5a8e-7cc2-8b9f-1f2e3d4c5b6a",
        "4bf92f3577b34da6a3ce929d0e0e4736",
        "order 4111111111111112 is not a card number: its check digit is wrong",
        "2026-11-20T10:09:26.123456Z took 12.5 ms at 10:09",
        "status code=404",
    ],
)
def test_harmless_text_stays_as_it_is(text: str) -> None:
    assert redact_text(text) == text


def test_plain_values_stay_and_secrets_and_bytes_do_not() -> None:
    kept = {"n": 1, "f": 1.5, "none": None, "t": datetime(2026, 1, 1, tzinfo=UTC), "id": UUID(int=5), "yes": True}
    event = redact_event(None, "info", kept | {"value": Secret("swordfish"), "raw": b"swordfish"})
    assert kept.items() <= event.items()
    assert "swordfish" not in str(event)


def test_one_address_has_one_hash_so_that_lines_can_be_joined() -> None:
    assert redact_text("to Ada@example.com") == redact_text("to ada@example.com") != redact_text("to eve@example.com")


def test_something_that_contains_itself_does_not_hang() -> None:
    loop: dict[str, Any] = {}
    loop["again"] = loop
    assert "again" in redact(loop=loop)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("password: 'correct horse' failed", "password: *** failed"),
        ('{"new_password": "correct horse", "n": 1}', '{"new_password": ***, "n": 1}'),
        (r"{\"password\": \"swordfish\"}", r"{\"password\": ***}"),
        ("Login(password='correct horse', name='Ada')", "Login(password=***, name='Ada')"),
        ("otpauth://totp/x?secret=JBSWY3DP&issuer=y", "otpauth://totp/x?secret=***&issuer=y"),
        ("DSN postgresql://app:p@ss/w0rd@db/x", "DSN postgresql://app:***@db/x"),
        ("AWS4 Credential=AKIDEX/20260101, Signature=deadbeef", "AWS4 Credential=***, Signature=***"),
        ("with sk_live_abcdefgh1234", "with ***"),
        ("classname=Foo", "classname=Foo"),
        ("see https://example.org:8000/a", "see https://example.org:8000/a"),
    ],
)  # fmt: skip
def test_named_values_are_masked_in_free_text(text: str, shown: str) -> None:
    assert redact_text(text) == shown


def test_the_deployments_own_secrets_are_known_word_for_word() -> None:
    know_secrets(["plain words of a secret", "tiny"])
    try:
        assert redact_text("it said plain words of a secret, tiny") == "it said ***, tiny"
    finally:
        know_secrets([])


def test_fields_of_structs_and_dataclasses_are_looked_at_by_name() -> None:
    class Login(msgspec.Struct):
        password: str
        name: str

    @dataclasses.dataclass
    class Key:
        api_key: str

    shown = redact(login=Login("swordfish", "Ada"), keys=[Key("swordfish")])
    assert "swordfish" not in shown
    assert "Ada" in shown


WORST = [
    "eyJ", "a", "a-", "1", "1 ", "://", "://:", "@", "a@", "a@a.", "bearer ", "password", "password=", "token_", " ",
    "123-45-", 'secret="', "a.", "eyJaaaaaaaa.", "!", "token = ", "secret-", "-", "_", "sk_live_", "token\\",
]  # fmt: skip


def test_time_grows_with_the_length_of_the_text_alone(figure: Any) -> None:
    """A pattern that backtracks would take hours for a megabyte, and this test would not end."""
    slowest = 0.0
    for unit in WORST:
        text = unit * (1_000_000 // len(unit))
        began = process_time()
        assert len(redaction._SECRET_VALUE.sub("*", text)) <= len(text)
        slowest = max(slowest, process_time() - began)
        assert len(redact_text(text)) < 4 * redaction.LONGEST
    figure("G40", "slowest megabyte to redact", slowest, "s", at_most=10)
