"""Spans of time in the fewest words."""

from datetime import datetime
from typing import Final

_UNITS: Final = (("d", 86_400), ("h", 3_600), ("min", 60))


def in_words(seconds: int) -> str:
    """Return the span in its largest unit: `12 s`, `5 min`, `3 h`, `4 d`."""
    for unit, size in _UNITS:
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def seen_from(now: datetime, moment: datetime) -> str:
    """Return where `moment` lies from `now`: `5 min ago`, `just now`, `in 2 h`."""
    seconds = int((now - moment).total_seconds())
    if seconds == 0:
        return "just now"
    return f"{in_words(seconds)} ago" if seconds > 0 else f"in {in_words(-seconds)}"
