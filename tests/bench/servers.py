"""HTTP servers under measurement: started on a free port, and ready once they answer 200."""

import http.client
import json
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from tests.bench.processes import BenchError, Process, Program, running

HOST: Final = "127.0.0.1"
POLL_SECONDS: Final = 0.01

Launch = Callable[[int], Program]
"""Given a port, says how to start a server on it."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers; `start_seconds` is the time from its start to its first 200."""

    process: Process
    port: int
    start_seconds: float

    def get(self, path: str, headers: Mapping[str, str]) -> bytes:
        """Return the body of one answer.

        Raises:
            BenchError: the status is not 200.
        """
        status, body = _ask(self.port, path, headers)
        if status != http.client.OK:
            raise BenchError(f"{self.process.name} answered {status} to {path}: {body[:500]!r}")
        return body

    def post(self, path: str, headers: Mapping[str, str], document: object) -> bytes:
        """Send a JSON document, or nothing where it is None, and return the body of the answer.

        Raises:
            BenchError: the answer is not of the 2xx.
        """
        body = b"" if document is None else json.dumps(document).encode()
        status, answer = _ask(self.port, path, {**headers, "Content-Type": "application/json"}, "POST", body)
        if not http.client.OK <= status < http.client.MULTIPLE_CHOICES:
            raise BenchError(f"{self.process.name} answered {status} to {path}: {answer[:500]!r}")
        return answer

    def cpu_seconds(self) -> float:
        """Return the processor time that the server and its children have taken so far."""
        return sum(sum(one.cpu_times()[:2]) for one in self._family())

    def megabytes(self) -> float:
        """Return the memory that the server and its children occupy."""
        return sum(one.memory_info().rss for one in self._family()) / 2**20

    def _family(self) -> list[psutil.Process]:
        process = psutil.Process(self.process.pid)
        return [process, *process.children(recursive=True)]


@contextmanager
def serving(name: str, launch: Launch, folder: Path, ready: str, headers: Mapping[str, str]) -> Iterator[Server]:
    """Start a server, wait until `ready` answers 200, and stop it on leaving."""
    port = free_port()
    started = time.perf_counter()
    with running(name, launch(port), folder) as process:
        process.wait_for(lambda: _answers(port, ready, headers), f"starting to serve {ready}", interval=POLL_SECONDS)
        yield Server(process, port, time.perf_counter() - started)


def free_port() -> int:
    """Return a port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(port: int, path: str, headers: Mapping[str, str]) -> bool:
    try:
        status, body = _ask(port, path, headers)
    except (OSError, http.client.HTTPException):
        return False
    if status in (http.client.OK, http.client.SERVICE_UNAVAILABLE):
        return status == http.client.OK
    raise BenchError(f"the server answered {status} to {path}: {body[:500]!r}")


def _ask(
    port: int, path: str, headers: Mapping[str, str], method: str = "GET", body: bytes | None = None
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(HOST, port, timeout=10)
    try:
        connection.request(method, path, body, headers=dict(headers))
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()
