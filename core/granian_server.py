"""Serving with Granian: its workers under its supervisor, which passes every signal on."""

import asyncio
import importlib
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final, TypeVarTuple, Unpack

import psutil
from granian import loops
from granian.constants import Interfaces
from granian.server import Server

from core.held_signals import held, let_go
from core.starting import ending_plainly

LOOP: Final = "hexastar"
_POLL: Final = 0.1
_COMING_UP: Final = 60.0
"""Seconds that a worker has to serve in another's place."""

logger = logging.getLogger(__name__)
Arguments = TypeVarTuple("Arguments")

try:
    from uvloop import Loop
except ImportError:  # Windows has none
    from asyncio import SelectorEventLoop as Loop  # type: ignore[assignment]


class HeardLoop(Loop):
    """A loop that tells who handles a signal, so that the drain may come first.

    Attributes:
        signal_callbacks: what handles each signal.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.signal_callbacks: dict[int, Callable[[], object]] = {}

    def add_signal_handler(self, sig: int, callback: Callable[[Unpack[Arguments]], object], *args: *Arguments) -> None:
        """Handle a signal by `callback`."""
        super().add_signal_handler(sig, callback, *args)
        self.signal_callbacks.setdefault(sig, partial(callback, *args))


@loops.register(LOOP)
def heard_loop() -> asyncio.AbstractEventLoop:
    """Return the loop of a worker."""
    loop = HeardLoop()
    asyncio.set_event_loop(loop)
    return loop


class Supervisor(Server):  # type: ignore[misc,valid-type] # which class it is depends on the interpreter
    """Granian's own, which hears no second signal, and calls a stop a failure that reached its workers as well."""

    def startup(self, *arguments: Any) -> None:
        """Begin to serve."""
        hanging_up = signal.getsignal(signal.SIGHUP)
        super().startup(*arguments)
        signal.signal(signal.SIGQUIT, self.signal_handler_interrupt)
        if hanging_up is signal.SIG_IGN:  # as nohup asks
            signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def _spawn_workers(self, *arguments: Any) -> None:
        with held():
            super()._spawn_workers(*arguments)

    def _respawn_workers(self, *arguments: Any, **options: Any) -> None:
        with held():
            super()._respawn_workers(*arguments, **options)

    def _reload(self, spawn_target: Any, target_loader: Any) -> None:
        """Replace the workers one after another, each once its successor serves; a signal to stop cuts it short.

        Granian's own gives the successor a few seconds and then stops the other, whatever became of the first.
        """
        self.reload_signal = False
        self.main_loop_interrupt.clear()
        if self.interrupt_signal or self.interrupt_children or self.reload_signal:
            self.main_loop_interrupt.set()  # it came in between, and the loop has to look again
        for place in range(self.workers):
            successor = self._spawn_worker(idx=place, target=spawn_target, callback_loader=target_loader)
            successor.interrupt_by_parent = True  # until it serves, its end is no reason to start another
            with held():
                successor.start()
            self.wrks.append(successor)  # whichever of the two is to go stands last, so that a stop ends it too
            if replaced := self._comes_up(successor):
                successor.interrupt_by_parent = False
                self.wrks[place], self.wrks[-1] = successor, self.wrks[place]
            elif not self.interrupt_signal:
                logger.error("worker %s does not come up: the others stay", successor.inner.pid)
                successor.kill()
            self._retire(self.wrks[-1])
            if self.interrupt_signal:
                return
            self.wrks.pop()
            if not replaced:
                return

    def _comes_up(self, worker: Any) -> bool:
        deadline = time.monotonic() + _COMING_UP
        while worker.is_alive() and time.monotonic() < deadline and not self.interrupt_signal:
            if _listens(worker.inner.pid):
                return True
            time.sleep(_POLL)
        return False

    def _retire(self, worker: Any) -> None:
        worker.terminate()
        deadline = time.monotonic() + self.workers_kill_timeout
        while worker.is_alive() and not self.interrupt_signal:
            worker.join(_POLL)
            if time.monotonic() > deadline:
                worker.kill()

    def signal_handler_interrupt(self, *arguments: Any) -> None:
        """Stop; hurry the workers where that has begun."""
        if self.interrupt_signal:
            for worker in self.wrks:
                with suppress(ProcessLookupError, TypeError):
                    os.kill(worker._id(), signal.SIGTERM)  # noqa: SLF001 - the worker's process number
        super().signal_handler_interrupt(*arguments)

    def shutdown(self, exit_code: int = 0) -> None:
        """Stop the workers and end."""
        try:
            super().shutdown(exit_code)
        except SystemExit:
            if not self.interrupt_signal:
                raise


def _listens(worker: int) -> bool:
    """Tell whether a worker accepts connections: each has a socket of its own to listen on."""
    try:
        return any(one.status == psutil.CONN_LISTEN for one in psutil.Process(worker).net_connections("inet"))
    except psutil.Error:
        return False


def application(target: str) -> Any:
    """Return what a worker serves. Where workers are spawned, finding this function registers their loop."""
    let_go()
    module, _, factory = target.partition(":")
    with ending_plainly():
        return getattr(importlib.import_module(module), factory)()


def serve(target: str, **options: Any) -> None:
    """Serve what the factory `target` returns."""
    loop = "auto" if sys.platform == "win32" else LOOP
    Supervisor(target, interface=Interfaces.ASGI, loop=loop, **options).serve(target_loader=application)
