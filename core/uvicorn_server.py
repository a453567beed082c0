"""Serving with uvicorn: one process, or several under a supervisor that passes every signal on."""

import logging
import multiprocessing
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from functools import partial
from typing import Any, Final

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

from core.held_signals import held, let_go
from core.starting import ending_plainly

logger = logging.getLogger(__name__)

_POLL: Final = 0.1
_COMING_UP: Final = 60.0
"""Seconds that a worker has to serve in another's place."""

_STOPPING: Final = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGQUIT})


class Forked(Process):
    """A worker that has what its supervisor has loaded, so that it serves much sooner than a new program."""

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket]) -> None:
        super().__init__(config, sockets)
        fork: Any = multiprocessing.get_context("fork")
        self.process = fork.Process(target=partial(_begin, self.target), kwargs={"sockets": sockets})

    def start(self) -> None:
        """Begin to serve."""
        with held():
            super().start()
        self.child_conn.close()  # the worker alone has it now: its end ends a wait for its sign of life


def _begin(serve_on: Any, sockets: list[socket.socket]) -> None:
    let_go()
    with suppress(KeyboardInterrupt), ending_plainly():
        serve_on(sockets=sockets)


class Supervisor(Multiprocess):
    """uvicorn's own, which hears no signal while it waits for its workers, and starts each as a new program."""

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket]) -> None:
        hanging_up = signal.getsignal(signal.SIGHUP)
        super().__init__(config, sockets)
        if hanging_up is signal.SIG_IGN:  # as nohup asks
            signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def init_processes(self) -> None:
        """Start the workers."""
        for _ in range(self.processes_num):
            self.processes.append(self._started())

    def keep_subprocess_alive(self) -> None:
        """Replace the workers that have ended, then those that hang; stop where one could not start."""
        for has_failed in (_has_ended, self._hangs):
            for place, worker in enumerate(self.processes):
                if self.should_exit.is_set():
                    return
                if has_failed(worker):
                    self._replace(place, worker)

    def restart_all(self) -> None:
        """Replace the workers one after another, each once its successor serves; a signal to stop cuts it short."""
        for place in range(len(self.processes)):
            successor = self._started()
            self.processes.append(successor)  # whichever of the two is to go stands last, so that a stop ends it too
            if replaced := self._comes_up(successor):
                self.processes[place], self.processes[-1] = successor, self.processes[place]
            elif not self._told_to_stop():
                logger.error("worker %s does not come up: the others stay", successor.pid)
                successor.kill()
            self._retire(self.processes[-1])
            if self._told_to_stop():
                self.should_exit.set()
                return
            self.processes.pop()
            if not replaced:
                return

    def handle_ttin(self) -> None:
        """Leave the number of workers as it is: this is what a terminal sends to a program in the background."""

    def handle_ttou(self) -> None:
        """As for TTIN."""

    def _hangs(self, worker: Process) -> bool:
        return not worker.is_alive(timeout=self.config.timeout_worker_healthcheck)

    def _replace(self, place: int, worker: Process) -> None:
        worker.kill()  # closes its pipes
        worker.join()
        if worker.exitcode == STARTUP_FAILURE:
            logger.error("worker %s could not start: the server stops", worker.pid)
            self.should_exit.set()
            return
        logger.warning("worker %s ended with %s: starting another", worker.pid, worker.exitcode)
        self.processes[place] = self._started()

    def _comes_up(self, worker: Process) -> bool:
        deadline = time.monotonic() + _COMING_UP
        while worker.process.is_alive() and time.monotonic() < deadline and not self._told_to_stop():
            if worker.is_ready(_POLL):
                return True
            time.sleep(_POLL)
        return False

    def _retire(self, worker: Process) -> None:
        worker.terminate()
        while worker.process.is_alive() and not self._told_to_stop():
            worker.process.join(_POLL)

    def _told_to_stop(self) -> bool:
        return not _STOPPING.isdisjoint(self.signal_queue)

    def _started(self) -> Process:
        worker = (Forked if sys.platform == "linux" else Process)(self.config, self.sockets)
        worker.start()
        return worker

    def handle_quit(self) -> None:
        """Stop as for any other signal."""
        self.handle_term()

    def join_all(self) -> None:
        """Wait for the workers; pass on what hurries them."""
        self.signal_queue.clear()
        while alive := [one.process for one in self.processes if one.process.is_alive()]:
            hurried = self._told_to_stop()
            self.signal_queue.clear()
            for process in alive if hurried else ():
                with suppress(ProcessLookupError):
                    os.kill(process.pid or 0, signal.SIGTERM)
            alive[0].join(_POLL)
        super().join_all()


def _has_ended(worker: Process) -> bool:
    return not worker.process.is_alive()


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
