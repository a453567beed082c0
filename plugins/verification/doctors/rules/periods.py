"""Arithmetic of calendar periods. Days are inclusive on both ends; nothing here can overflow the calendar."""

import calendar
from collections.abc import Iterable
from datetime import date
from typing import Final

import msgspec

MONTHS_A_YEAR: Final = 12


class Window(msgspec.Struct, frozen=True, rename={"start": "from", "end": "to"}):
    """A period, both days included."""

    start: date
    end: date

    @property
    def days(self) -> int:
        """Return the number of days."""
        return self.end.toordinal() - self.start.toordinal() + 1


def look_back(as_of: date, years: int) -> Window:
    """Return the window of `years` that ends with `as_of`; 29 February counts as the 28th in other years."""
    if as_of.year - years < date.min.year:
        return Window(date.min, as_of)
    last_day = calendar.monthrange(as_of.year - years, as_of.month)[1]
    return Window(as_of.replace(year=as_of.year - years, day=min(as_of.day, last_day)), as_of)


def whole_months(first: date, last: date) -> int:
    """Return the number of whole months from `first` to `last`, both days included."""
    is_month_end = last.day == calendar.monthrange(last.year, last.month)[1]
    day_after = 1 if is_month_end else last.day + 1
    months = (last.year - first.year) * MONTHS_A_YEAR + last.month - first.month + is_month_end
    return max(months - (day_after < first.day), 0)


def uncovered(window: Window, periods: Iterable[Window]) -> list[Window]:
    """Return the parts of `window` that no period covers, in order. Periods may overlap and reach beyond it."""
    gaps: list[Window] = []
    next_day, after = window.start.toordinal(), window.end.toordinal() + 1
    spans = sorted((period.start.toordinal(), period.end.toordinal()) for period in periods)
    for start, end in [*spans, (after, after)]:
        if next_day < (gap_end := min(start, after)):
            gaps.append(Window(date.fromordinal(next_day), date.fromordinal(gap_end - 1)))
        next_day = max(next_day, end + 1)
    return gaps
