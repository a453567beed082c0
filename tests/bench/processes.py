"""The bench's processes: each in a group of its own, and always ended by the id it was started under."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
OWN_VARIABLES: Final = ("HEXASTAR", "OTEL_", "LITESTAR_", "PYTHONPATH")
"""Beginnings of variables that the user may have set for another purpose; they reach no contestant."""

STOP_SECONDS: Final = 15.0
PATIENCE_SECONDS: Final = 60.0


class BenchError(Exception):
    """A measurement could not be made; the message says why and ends with the log where there is one."""


@dataclass(frozen=True, slots=True)
class Program:
    """What to start: the arguments, what to add to the environment, and the working directory."""

    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path = ROOT

    def surroundings(self) -> dict[str, str]:
        """Return the complete environment."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(OWN_VARIABLES)}
        return kept | dict(self.environment)


@dataclass(frozen=True, slots=True)
class Process:
    """A started program."""

    name: str
    popen: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        """The id of the process, which is also that of its group."""
        return self.popen.pid

    def wait_for(self, condition: Callable[[], bool], what: str, *, interval: float = 0.05) -> None:
        """Return once `condition` holds.

        Raises:
            BenchError: the process ended before, or it took longer than a minute.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            if self.popen.poll() is not None:
                raise BenchError(f"{self.name} ended while {what}:\n{tail(self.log)}")
            if time.monotonic() > deadline:
                raise BenchError(f"{self.name} was too slow while {what}:\n{tail(self.log)}")
            time.sleep(interval)


@contextmanager
def running(name: str, program: Program, folder: Path) -> Iterator[Process]:
    """Start a program, its output going to a file in `folder`; end it and all its children on leaving."""
    log = folder / f"{name}.log"
    with log.open("wb") as output:
        popen = subprocess.Popen(
            list(program.arguments),
            cwd=program.folder,
            env=program.surroundings(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield Process(name, popen, log)
    finally:
        _end(popen)


def run(name: str, program: Program, *, seconds: float = 180.0) -> str:
    """Run a program to its end and return what it wrote to its standard output.

    Raises:
        BenchError: it failed, or took longer than `seconds`.
    """
    try:
        done = subprocess.run(
            list(program.arguments),
            cwd=program.folder,
            env=program.surroundings(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=True,
        )
    except subprocess.TimeoutExpired:
        raise BenchError(f"{name} took longer than {seconds:.0f} s") from None
    except subprocess.CalledProcessError as error:
        raise BenchError(f"{name} failed with {error.returncode}:\n{error.stdout}{error.stderr}") from None
    return done.stdout


def tail(log: Path, lines: int = 25) -> str:
    """Return the last lines of a log."""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def _end(popen: subprocess.Popen[bytes]) -> None:
    _signal(popen.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        popen.wait(STOP_SECONDS)
    _signal(popen.pid, signal.SIGKILL)
    popen.wait()


def _signal(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, number)
