"""What is told of a failure: its kind, where it happened, and a message that repeats nobody's words."""

from collections.abc import Iterator

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError

from core.telemetry.activity import JobActivity, current_activity
from core.telemetry.failures import describe, let_speak, mark_told, printable, silence, trace, was_told
from ports.errors import Rejected, Unavailable

SENT = '{"name": "swordfish", "deep": [{"number": 90210, "quoted": "it\'s"}]}'


class ForeignError(Exception):
    """Of a library that quotes what crossed the wire."""


ForeignError.__module__ = "somebody.errors"


@pytest.fixture
def sent() -> Iterator[None]:
    """Be at work on a payload."""
    token = current_activity.set(JobActivity(job="shop.work", job_id="1", attempt=1, payload=SENT))
    yield
    current_activity.reset(token)


def caught(failure: BaseException, cause: BaseException | None = None) -> BaseException:
    try:
        raise failure from cause  # noqa: TRY301 - so that it has a trace
    except BaseException as error:  # noqa: BLE001 - of whatever kind it is
        return error


@pytest.mark.usefixtures("sent")
@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (RuntimeError("cannot treat swordfish today"), "RuntimeError: cannot treat *** today"),
        (KeyError("swordfish"), "KeyError: '***'"),
        (ValueError("90210 is too much"), "ValueError: *** is too much"),
        (ValueError("it's"), "ValueError: ***"),
        (RuntimeError("cat"), "RuntimeError: cat"),
        (Rejected("no", "not swordfish"), "Rejected: no: not ***"),
    ],
)
def test_what_was_sent_is_not_repeated(failure: Exception, told: str) -> None:
    assert describe(failure) == told


def test_a_library_that_may_quote_is_told_by_its_kind_until_its_package_is_a_plugins() -> None:
    assert describe(ForeignError("554 swordfish")) == "ForeignError"
    let_speak(["somebody.plugin"])
    try:
        assert describe(ForeignError("none today")) == "ForeignError: none today"
    finally:
        let_speak([])


def test_of_the_database_state_and_constraint_are_told_and_no_row() -> None:
    duplicate = asyncpg.UniqueViolationError('duplicate key value violates unique constraint "uq_users_email"')
    duplicate.__dict__.update(detail="Key (email)=(ada) already exists.", constraint_name="uq_users_email")
    told = 'duplicate key value violates unique constraint "uq_users_email"'
    assert describe(duplicate) == f"UniqueViolationError: {told} (23505, uq_users_email)"
    assert describe(asyncpg.InvalidTextRepresentationError('invalid: "ada"')) == "InvalidTextRepresentationError: 22P02"
    assert describe(asyncpg.RaiseError("no ada")) == "RaiseError: P0001"
    wrapped = DBAPIError("SELECT :x", {"x": "ada"}, asyncpg.InvalidTextRepresentationError('"ada"'))
    assert describe(wrapped) == "DBAPIError: 22P02"


def test_causes_are_told_first_and_each_by_the_same_rules() -> None:
    failure = caught(Unavailable("the mail server answered 450"), caught(ForeignError("450 ada@example.org")))
    told = trace(failure)
    assert told.index("ForeignError") < told.index("Unavailable: the mail server answered 450")
    assert "ada@" not in told
    assert "The above caused:" in told


def test_a_trace_shows_code_and_no_values() -> None:
    secret = "swordfish"
    told = trace(caught(ValueError(secret[:0] + "bad")))
    assert "test_failures.py" in told
    assert told.endswith("ValueError: bad")
    assert "swordfish" not in told.replace('secret = "swordfish"', "")


def test_of_a_group_the_first_is_told_and_a_circle_ends() -> None:
    assert "ValueError: first" in trace(caught(ExceptionGroup("two", [ValueError("first"), KeyError("second")])))
    one, two = ValueError("one"), ValueError("two")
    one.__cause__, two.__cause__ = two, one
    assert trace(one).count("ValueError: one") == 1


def test_in_the_dark_and_where_silence_was_asked_for_only_kinds_are_told() -> None:
    assert trace(ValueError("swordfish"), in_the_dark=True) == "ValueError"
    failure = caught(RuntimeError("swordfish"), ValueError("swordfish"))
    silence(failure)
    assert "swordfish" not in trace(failure).replace('"swordfish"', "")


def test_a_message_forges_no_line_and_moves_no_cursor() -> None:
    told = describe(ValueError("x\n2026 forged\x1b[2J\x9b\u2028\r\0"))
    assert told == "ValueError: x\n  2026 forged\\x1b[2J\\x9b\\u2028\\x0d"
    assert printable("a\tb\nc") == "a\tb\nc"


def test_a_message_that_cannot_be_made_hides_nothing() -> None:
    class MuteError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    MuteError.__module__ = "core.mute"
    assert describe(MuteError()).endswith("MuteError")


def test_what_was_told_is_known() -> None:
    failure = ValueError()
    assert not was_told(failure)
    mark_told(failure)
    assert was_told(failure)
    assert not was_told(None)
