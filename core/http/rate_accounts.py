"""The accounting of rate limits, pure: what the store grants, and what one process knows of one client's window.

The store counts the tokens that it has granted in a window. A process that uses tokens fast leases a few ahead, so
that not every request asks the store; they are part of the count from the moment they are granted, so that the limit
holds whatever becomes of them. The fewer are left the fewer are leased ahead, none at last, and those that nobody
wants are given back: what is not used here can be used elsewhere.
"""

from datetime import datetime
from typing import Final

import msgspec

SHARE: Final = 16
"""Ahead of its needs a process leases at most one of so many of the tokens that are left."""

MOST_AHEAD: Final = 256
LEASE: Final = 1.0
"""Seconds after which leased tokens that nobody has used are given back, and a refusal is asked about again."""


class Want(msgspec.Struct, frozen=True):
    """What a process asks of the store.

    Attributes:
        now: how many tokens its waiting requests need.
        ahead: how many more it would lease.
        spent: how many it has let through by itself in this window, while the store was away.
        known: how many had been granted in this window when the store was last heard of.
    """

    now: int
    ahead: int = 0
    spent: int = 0
    known: int = 0


class Grant(msgspec.Struct, frozen=True):
    """What the store answers.

    Attributes:
        granted: tokens for this process.
        used: tokens granted to anybody in this window, these included.
        seconds: until the window ends.
        window: when the window ends by the store's clock; names it.
    """

    granted: int
    used: int
    seconds: float
    window: datetime


def share(limit: int, used: int, want: Want) -> int:
    """Return how many tokens are granted where `used` are gone: what is needed, and ahead of it a part of the rest."""
    left = max(0, limit - used)
    return min(left, max(want.now, min(want.ahead, left // SHARE)))


class Account:
    """One client's window under one limit, as one process knows it. Times are of the process's monotonic clock.

    A window never ends later here than in the store, so that no token of one window is used in the next.
    """

    __slots__ = ("_ahead", "_asked", "_known", "_limit", "_spent", "_window", "ends", "tokens", "touched")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._window: datetime | None = None
        self._known = 0
        self._spent = 0
        self._ahead = 0
        self._asked = float("-inf")
        self.ends = float("-inf")
        self.tokens = 0
        self.touched = float("-inf")

    def take(self, now: float) -> bool:
        """Use a leased token; tell whether there was one."""
        if now >= self.ends or not self.tokens:
            return False
        self.tokens -= 1
        self.touched = now
        return True

    def take_granted(self, now: float) -> bool:
        """Use a token that this very request has just been granted, even where its window has ended meanwhile."""
        if not self.tokens:
            return False
        self.tokens -= 1
        self.touched = now
        return True

    def take_alone(self, now: float, per: float) -> bool:
        """Let a request through without the store, within what it had left when last heard of; tell whether it may."""
        if self.take(now):
            return True
        if now >= self.ends:
            self._begin(now + per, None)
        if self._known + self._spent >= self._limit:
            return False
        self._spent += 1
        return True

    def is_used_up(self, now: float) -> bool:
        """Tell whether the store has refused a moment ago, and need not be asked again yet."""
        return now < min(self.ends, self._asked + LEASE) and not self.left

    def want(self, now: float, waiting: int) -> Want:
        """Return what to ask the store for; `waiting` requests need a token each."""
        if now >= self.ends:
            self._begin(float("-inf"), None)
        quick = now - self._asked < LEASE
        self._ahead = min(MOST_AHEAD, max(1, self._ahead * 2)) if quick else self._ahead // 2
        return Want(waiting, self._ahead, self._spent, self._known)

    def receive(self, grant: Grant, asked: float) -> None:
        """Note what the store granted; `asked` is when it was asked, since the window may be that much older."""
        self._begin(asked + grant.seconds, grant.window)
        self._known = grant.used
        self._asked = self.touched = asked
        self.tokens = grant.granted

    def surplus(self, now: float) -> tuple[int, datetime] | None:
        """Take out the tokens that nobody has used for a while, to be given back to the window that they are from."""
        if not self.tokens or self._window is None or now < self.touched + LEASE or now >= self.ends:
            return None
        tokens, self.tokens = self.tokens, 0
        self._known -= tokens
        return tokens, self._window

    @property
    def left(self) -> int:
        """How many requests may still come in this window, as far as is known here."""
        return self._limit - self._known - self._spent + self.tokens

    def _begin(self, ends: float, window: datetime | None) -> None:
        self._window, self.ends = window, ends
        self._known = self._spent = self.tokens = 0
