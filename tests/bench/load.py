"""Load on a server, by wrk from a process of its own."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.bench.processes import BenchError, Program, run
from tests.bench.servers import HOST, Server

SCRIPT: Final = Path(__file__).with_name("load.lua")
CONNECTIONS: Final = 32
WARM_UP_SECONDS: Final = 1


@dataclass(frozen=True, slots=True)
class Load:
    """Requests of one kind. `{n}` in path and body stands for a number of six digits, from 1 to `numbers`."""

    path: str
    method: str = "GET"
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    numbers: int = 1
    connections: int = CONNECTIONS

    def first_path(self) -> str:
        """Return the path of one such request."""
        return self.path.replace("{n}", f"{1:06d}")


@dataclass(frozen=True, slots=True)
class Pressed:
    """What one press showed; `cpu_us` is the server's own processor time for one request, in microseconds."""

    requests_per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: float


def require_wrk() -> None:
    """Check that wrk is there.

    Raises:
        BenchError: it is not.
    """
    if shutil.which("wrk") is None:
        raise BenchError("the load comes from wrk, which is not installed: apt-get install wrk (or: brew install wrk)")


def press(server: Server, load: Load, seconds: int) -> Pressed:
    """Press a server for some seconds.

    Raises:
        BenchError: a request was refused or its connection broke, so the figures would mean nothing.
    """
    arguments = ["wrk", "--threads=1", f"--connections={load.connections}", f"--duration={seconds}s"]
    arguments += [f"--header={name}: {value}" for name, value in load.headers.items()]
    arguments += [f"--script={SCRIPT}", f"http://{HOST}:{server.port}/", "--", load.method, load.path]
    arguments += [str(load.numbers), *([load.body] if load.body else [])]
    before = server.cpu_seconds()
    printed = run("wrk", Program(arguments), seconds=seconds + 30)
    taken = server.cpu_seconds() - before
    result = json.loads(printed.splitlines()[-1])
    if result["refused"] or result["broken"] or not result["requests"]:
        raise BenchError(
            f"of {result['requests']} requests to {server.process.name}, {result['refused']} were refused "
            f"and {result['broken']} broke off; its log is {server.process.log}"
        )
    cpu_us = taken / result["requests"] * 1e6
    return Pressed(result["requests"] / result["seconds"], result["p50_ms"], result["p99_ms"], cpu_us)


def warm_up(server: Server, load: Load) -> None:
    """Press a server for a moment whose figures nobody wants."""
    press(server, load, WARM_UP_SECONDS)
