"""Serving with uvicorn: one process, or several under a supervisor that passes every signal on."""

import os
import signal
import sys
from contextlib import suppress
from typing import Any, Final

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

_POLL: Final = 0.1
_STOPPING: Final = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGQUIT})


class Supervisor(Multiprocess):
    """uvicorn's own, which hears no signal while it waits for its workers to end."""

    def handle_quit(self) -> None:
        """Stop as for any other signal."""
        self.handle_term()

    def join_all(self) -> None:
        """Wait for the workers; pass on what hurries them."""
        self.signal_queue.clear()
        while alive := [one.process for one in self.processes if one.process.is_alive()]:
            hurried = not _STOPPING.isdisjoint(self.signal_queue)
            self.signal_queue.clear()
            for process in alive if hurried else ():
                with suppress(ProcessLookupError):
                    os.kill(process.pid or 0, signal.SIGTERM)
            alive[0].join(_POLL)
        super().join_all()


def serve(target: Any, *, workers: int, **options: Any) -> None:
    """Serve `target`: the application, or the name of its factory where there are several workers.

    Exits with uvicorn's code for a start that failed.
    """
    config = uvicorn.Config(target, factory=isinstance(target, str), workers=workers, **options)
    if workers > 1:
        supervisor = Supervisor(config, sockets=[config.bind_socket()])
        supervisor.run()
        failed = any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes)
    else:
        server = uvicorn.Server(config)
        with suppress(KeyboardInterrupt):
            server.run()
        failed = not server.started
    if failed:
        sys.exit(STARTUP_FAILURE)
