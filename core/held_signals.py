"""Signals to stop that come while a worker is forked: none is lost between the fork and the worker's own handlers."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

HELD: Final = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def held() -> Iterator[None]:
    """Let signals wait, also for the processes that are made meanwhile."""
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, HELD)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def let_go() -> None:
    """Heed signals again, in a forked process.

    It comes with its supervisor's handlers, which do nothing for it. Told to stop before it has its own, it ends at
    once, since it has begun nothing.
    """
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD)
