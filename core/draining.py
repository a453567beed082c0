"""From the first signal to the stop: not ready any more, still serving, until whoever routes to us has noticed.

A server that stops accepting the moment it is told to refuses the requests of a balancer that has not looked since.
So a process that is told to stop first answers `/health/ready` with 503 and serves on for `[http] drain_delay` seconds;
then its server stops as it always does. A second signal skips what is left of the delay.
"""

import asyncio
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from time import monotonic
from typing import Any, Final

import structlog

from core.config import Config
from core.injection import Services

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)

REPEATED: Final = 1.0
"""Seconds within which a second signal is the first one again: a group's and a supervisor's arrive together."""

GRACE: Final = 30
"""Seconds that requests in flight are given at a stop."""

CLOSING: Final = 30
"""Seconds after all graces in which everything must have closed: telemetry, ports, pools."""

logger: Any = structlog.get_logger(__name__)

Stop = Callable[[], object]


def longest_stop(config: Config) -> float:
    """Return the seconds that a serving process may take from the first signal to its end."""
    jobs = config.jobs.grace if config.works_in_process else 0.0
    return config.drain_delay + GRACE + jobs + CLOSING


class Draining:
    """What one serving process does about signals to stop.

    Args:
        services: their `draining` is set by the first signal.
        is_started: tells whether anybody may be served yet.
    """

    def __init__(self, services: Services, is_started: Callable[[], bool]) -> None:
        self._services = services
        self._is_started = is_started
        self._waiting: asyncio.TimerHandle | None = None
        self._asked = 0.0

    @asynccontextmanager
    async def before_the_servers_own(self) -> AsyncIterator[None]:
        """Hear the signals before the server does, while the context is open. In the main thread only."""
        loop = asyncio.get_running_loop()
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        found = {number: _handler(loop, number) for number in SIGNALS}
        handlers = {number: stop for number, stop in found.items() if stop is not None}
        previous = {number: signal.getsignal(number) for number in handlers}
        for number, stop in handlers.items():
            loop.add_signal_handler(number, self._heard, loop, stop)
        try:
            yield
        finally:
            for number in handlers:
                loop.remove_signal_handler(number)
                signal.signal(number, previous[number])

    def _heard(self, loop: asyncio.AbstractEventLoop, stop: Stop) -> None:
        if not self._services.draining:
            self._begin(loop, stop)
        elif monotonic() - self._asked > REPEATED:
            if self._waiting is not None:
                self._waiting.cancel()
            stop()

    def _begin(self, loop: asyncio.AbstractEventLoop, stop: Stop) -> None:
        self._services.draining = True
        self._asked = monotonic()
        config = self._services.config
        delay = config.drain_delay if self._is_started() else 0.0
        logger.info("told to stop", serving_on_for=delay)
        end_at_last(longest_stop(config))
        if delay:
            self._waiting = loop.call_later(delay, stop)
        else:
            stop()


def _handler(loop: asyncio.AbstractEventLoop, number: signal.Signals) -> Stop | None:
    """Return what the server has set for a signal, on its loop or in the process; None where it has set nothing."""
    on_loop: Stop | None = getattr(loop, "signal_callbacks", {}).get(number)
    if on_loop is not None:
        return on_loop
    in_process = signal.getsignal(number)
    if callable(in_process) and in_process is not signal.default_int_handler:
        return partial(in_process, number, None)
    if in_process is signal.SIG_IGN or number not in {signal.SIGQUIT, signal.SIGHUP}:
        return None
    return _handler(loop, signal.SIGTERM)


def end_at_last(seconds: float) -> None:
    """End this process after so long, whatever hangs: what was acknowledged is committed, and the rest is retried."""
    watchdog = threading.Timer(seconds, _give_up)
    watchdog.daemon = True
    watchdog.start()


def _give_up() -> None:
    logger.error("something does not let this process stop: ending it")
    os._exit(1)
