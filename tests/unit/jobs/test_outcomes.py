"""What a failure makes of a job, and how much of it is kept."""

from uuid import UUID

import msgspec
import pytest

from core.jobs.declare import Discard, Retry, job
from core.jobs.ledger import Claim, Outcome
from core.jobs.runner import ERROR_LENGTH, describe, outcome_of


class Payload(msgspec.Struct):
    pass


@job("shop.work", attempts=3, backoff=(60, 300))
async def work(payload: Payload) -> None: ...


ID = UUID(int=7)


def claim(attempts: int, forgiven: int = 0) -> Claim:
    return Claim(ID, "shop.work", "shop", "{}", attempts, forgiven, 3, None, None, None, 0.0)


@pytest.mark.parametrize(
    ("attempts", "forgiven", "failure", "state", "delay"),
    [
        (1, 0, RuntimeError("no"), "queued", 60),
        (2, 0, RuntimeError("no"), "queued", 300),
        (3, 0, RuntimeError("no"), "dead", 0),
        (4, 2, RuntimeError("no"), "queued", 300),
        (1, 0, Retry("later", after=5), "queued", 5),
        (3, 0, Retry("later", after=5), "dead", 0),
        (1, 0, Discard("never"), "dead", 0),
    ],
)
def test_a_failure_repeats_the_job_while_attempts_that_count_are_left(
    attempts: int, forgiven: int, failure: Exception, state: str, delay: float
) -> None:
    error = f"{type(failure).__name__}: {failure}"
    assert outcome_of(claim(attempts, forgiven), work, failure) == Outcome(ID, attempts, state, error, delay)


@pytest.mark.parametrize(
    ("message", "kept"),
    [
        ("short", "ValueError: short"),
        ("duplicate key\nDETAIL: Key (email)=(a@example.org)", "ValueError: duplicate key"),
        ("cannot reach smtp://user:hunter2@host", "ValueError: cannot reach smtp://user:***@host"),
        pytest.param("nul \0 and surrogate \ud800", "ValueError: nul  and surrogate ?", id="unprintable"),
        ("", "ValueError"),
    ],
)
def test_of_an_error_class_and_first_line_are_kept_without_secrets(message: str, kept: str) -> None:
    assert describe(ValueError(message)) == kept


def test_a_long_error_is_cut() -> None:
    assert len(describe(ValueError("x" * 10_000))) == ERROR_LENGTH
