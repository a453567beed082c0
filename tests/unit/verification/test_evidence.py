"""The day that is asked about, and the block of evidence."""

from datetime import UTC, date, datetime, timedelta

import pytest

from core.http.problems import Problem
from core.testing.fakes import SettableClock
from plugins.verification.evidence.service import attest, resolve_as_of

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
TODAY = NOON.date()


@pytest.fixture
def clock() -> SettableClock:
    clock = SettableClock()
    clock.set(NOON)
    return clock


@pytest.mark.parametrize(
    ("asked", "allowed", "day"),
    [
        (None, False, TODAY),
        (date(1990, 1, 1), False, date(1990, 1, 1)),
        (TODAY + timedelta(days=1), False, TODAY + timedelta(days=1)),
        (date.max, True, date.max),
    ],
)
def test_the_day_is_today_or_any_until_tomorrow_or_later_where_allowed(
    clock: SettableClock,
    asked: date | None,
    allowed: bool,
    day: date,
) -> None:
    assert resolve_as_of(clock, asked, allow_future=allowed) == day


def test_the_day_after_tomorrow_is_refused(clock: SettableClock) -> None:
    with pytest.raises(Problem) as refusal:
        resolve_as_of(clock, TODAY + timedelta(days=2))

    assert refusal.value.type.code == "as_of_in_future"


def test_an_attestation_holds_for_120_days_and_tells_how_long_it_took(clock: SettableClock) -> None:
    block = attest(clock, NOON - timedelta(microseconds=3_900), as_of=TODAY, outcome="found", source="board")

    assert (block.verified_at, block.valid_until - block.verified_at) == (NOON, timedelta(days=120))
    assert (block.processing_ms, block.stale, block.receipt) == (3, False, None)
    assert block.request_id.version == 7
