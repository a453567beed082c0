"""Serving with Granian: its workers under its supervisor, which passes every signal on."""

import asyncio
import importlib
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final, TypeVarTuple, Unpack

from granian import loops
from granian.constants import Interfaces
from granian.server import Server

from core.held_signals import held, let_go

LOOP: Final = "hexastar"
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
        super().startup(*arguments)
        signal.signal(signal.SIGQUIT, self.signal_handler_interrupt)

    def _spawn_workers(self, *arguments: Any) -> None:
        with held():
            super()._spawn_workers(*arguments)

    def _respawn_workers(self, *arguments: Any, **options: Any) -> None:
        with held():
            super()._respawn_workers(*arguments, **options)

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


def application(target: str) -> Any:
    """Return what a worker serves. Where workers are spawned, finding this function registers their loop."""
    let_go()
    module, _, factory = target.partition(":")
    return getattr(importlib.import_module(module), factory)()


def serve(target: str, **options: Any) -> None:
    """Serve what the factory `target` returns."""
    loop = "auto" if sys.platform == "win32" else LOOP
    Supervisor(target, interface=Interfaces.ASGI, loop=loop, **options).serve(target_loader=application)
