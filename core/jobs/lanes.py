"""Who may use how many of a worker's slots, so that one plugin's backlog never starves another.

A lane is what shares a cap: a plugin, or a job that declares a cap of its own.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any, Final

from core.jobs.declare import Job

PLUGIN_SHARE: Final = 0.75
"""The part of the slots that one plugin may fill, where there is more than one."""


class Lanes:
    """Counts what runs in each lane and tells how much more may."""

    def __init__(self, jobs: Iterable[Job[Any]], concurrency: int, plugin_share: float = PLUGIN_SHARE) -> None:
        declared = {job.lane: job.concurrency_cap for job in jobs}
        share = max(1, int(concurrency * plugin_share)) if len(declared) > 1 else concurrency
        self._caps = {lane: cap if cap is not None else share for lane, cap in declared.items()}
        self._order = OrderedDict.fromkeys(self._caps)
        self._running: Counter[str] = Counter()

    def rooms(self) -> dict[str, int]:
        """Return the lanes with room and how much; whoever was served last comes last."""
        rooms = {lane: self._caps[lane] - self._running[lane] for lane in self._order}
        return {lane: room for lane, room in rooms.items() if room > 0}

    def left_some(self, rooms: Mapping[str, int], taken: Iterable[str]) -> bool:
        """Tell whether more may be due than was taken within `rooms`: some lane had no room, or filled what it had.

        To be asked about the rooms as they were when the taking began, since jobs may have ended meanwhile.
        """
        counts = Counter(taken)
        return any(counts[lane] >= rooms.get(lane, 0) for lane in self._caps)

    def enter(self, lane: str) -> None:
        """Count one that starts."""
        self._running[lane] += 1
        self._order.move_to_end(lane)

    def leave(self, lane: str) -> None:
        """Count one that has ended."""
        self._running[lane] -= 1
