"""Doctors are judged on a day in January."""

from datetime import UTC, datetime

import pytest

from core.testing.fakes import SettableClock


@pytest.fixture(autouse=True)
def _on_a_day_in_january(clock: SettableClock) -> None:
    clock.set(datetime(2026, 1, 5, 12, tzinfo=UTC))
