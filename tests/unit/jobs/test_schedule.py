"""A schedule gives each tick once, in order, whenever it is looked at."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from core.jobs.cron import PATIENCE, Schedule
from core.jobs.declare import Tick, job

START = datetime(2026, 1, 1, tzinfo=UTC)


@job("shop.every_seven", cron="*/7 * * * * *")
async def every_seven(payload: Tick) -> None: ...


def look(schedule: Schedule, now: datetime) -> list[datetime]:
    due = schedule.due(now, PATIENCE)
    for tick in due:
        schedule.inserted(tick)
    return due


@given(st.lists(st.floats(min_value=0, max_value=PATIENCE.total_seconds() - 8), min_size=1, max_size=30))
def test_looks_closer_than_the_patience_miss_and_repeat_no_tick(gaps: list[float]) -> None:
    schedule, now, ticks = Schedule(every_seven, START), START, []
    for gap in gaps:
        now += timedelta(seconds=gap)
        ticks += look(schedule, now)
    every_second = (START + timedelta(seconds=second) for second in range(1, int((now - START).total_seconds()) + 1))
    assert ticks == [second for second in every_second if second.second % 7 == 0]


@given(st.floats(min_value=PATIENCE.total_seconds(), max_value=1_000_000))
def test_after_a_long_time_only_young_ticks_or_the_latest_count(seconds: float) -> None:
    now = START + timedelta(seconds=seconds)
    due = look(Schedule(every_seven, START), now)
    assert due
    assert all(now - tick <= PATIENCE for tick in due)
    assert len(look(Schedule(every_seven, START), now)) == len(due)
    assert len(Schedule(every_seven, START).due(now, timedelta(0))) == 1


@given(st.lists(st.floats(min_value=-100, max_value=100), max_size=20))
def test_a_clock_that_jumps_back_repeats_no_tick(steps: list[float]) -> None:
    schedule, now, ticks = Schedule(every_seven, START), START, []
    for step in steps:
        now += timedelta(seconds=step)
        ticks += look(schedule, now)
    assert ticks == sorted(set(ticks))
