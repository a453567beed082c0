"""Times the starts of jobs inside the worker that runs them, for every queue in the same way.

A worker is told by its environment how many starts to wait for and where to save them. The clock is the machine's
monotonic one, which all its processes share.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from time import CLOCK_MONOTONIC, clock_gettime
from typing import Final

COUNT: Final = "BENCH_STARTS"
OUTPUT: Final = "BENCH_STARTS_FILE"


def now() -> float:
    """Return the time in seconds since a moment that all processes of this machine share."""
    return clock_gettime(CLOCK_MONOTONIC)


def save(file: Path, times: Mapping[int, float]) -> None:
    """Write times by their number, in one step, so that who waits for the file finds it complete."""
    draft = file.with_suffix(".draft")
    draft.write_text(json.dumps(times), encoding="utf-8")
    draft.rename(file)


def load(file: Path) -> dict[int, float]:
    """Return what `save` wrote."""
    return {int(number): time for number, time in json.loads(file.read_text(encoding="utf-8")).items()}


class Stopwatch:
    """Keeps when each job started, and saves all once as many have started as were asked for."""

    def __init__(self, count: int, output: Path) -> None:
        self._count = count
        self._output = output
        self._starts: dict[int, float] = {}

    def mark(self, number: int) -> None:
        """Note that this job starts now."""
        self._starts[number] = now()
        if len(self._starts) == self._count:
            save(self._output, self._starts)


stopwatch: Final = Stopwatch(int(os.environ.get(COUNT, "0")), Path(os.environ.get(OUTPUT, os.devnull)))
"""This process's stopwatch."""
