"""Load in an open loop: requests leave when they are due, whether those before have been answered or not.

    python -m tests.bench.open_loop 8000 /api/v1 --rate 3000 --seconds 10 --connections 800

A closed loop slows down with its server and so never overloads it. Here a request that finds no free connection waits,
and its time counts from when it was due. Prints one line of JSON.
"""

import asyncio
import json
import sys
from collections import Counter, deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import click

HOST: Final = "127.0.0.1"
TICK: Final = 0.002
GRACE: Final = 20.0
"""Seconds that answers are waited for in the end."""


@dataclass(slots=True)
class Outcome:
    """What came back: latencies in seconds by status, refusals that are no problem documents, and what was lost."""

    latencies: dict[int, list[float]] = field(default_factory=dict)
    malformed: int = 0
    broken: int = 0
    unanswered: int = 0

    def percentile(self, part: float, *statuses: int) -> float:
        """Return a percentile of the latencies of these statuses, in milliseconds."""
        latencies = sorted(latency for status in statuses for latency in self.latencies.get(status, []))
        return latencies[min(len(latencies) - 1, int(len(latencies) * part))] * 1000 if latencies else 0.0

    def counts(self) -> Counter[int]:
        """Return how many answers had each status."""
        return Counter({status: len(latencies) for status, latencies in self.latencies.items()})


class _Connection(asyncio.Protocol):
    """One connection with at most one request on it."""

    def __init__(self, offer: "_Offer") -> None:
        self._offer = offer
        self._received = b""
        self._due: float | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def send(self, request: bytes, due: float) -> None:
        self._due = due
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found or self._due is None:
            return
        lowered = head.lower()
        length = int(lowered.partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(body) >= length:
            due, self._due, self._received = self._due, None, b""
            self._offer.answered(self, due, int(head[9:12]), lowered)

    def connection_lost(self, _: Exception | None) -> None:
        self._offer.lost(self, in_flight=self._due is not None)


class _Offer:
    """One run of the load."""

    def __init__(self, port: int, request: bytes) -> None:
        self.outcome = Outcome()
        self.outstanding = 0
        self._port = port
        self._request = request
        self._free: list[_Connection] = []
        self._due: deque[float] = deque()
        self._loop = asyncio.get_running_loop()
        self._finished = asyncio.Event()

    async def connect(self) -> None:
        _, connection = await self._loop.create_connection(lambda: _Connection(self), HOST, self._port)
        self._free.append(connection)

    async def run(self, rate: float, seconds: float) -> None:
        began = self._loop.time()
        sent = 0
        while (now := self._loop.time()) < began + seconds:
            due = int((now - began) * rate)
            for number in range(sent, due):
                self._due.append(began + number / rate)
            self.outstanding += due - sent
            sent = due
            self._send()
            await asyncio.sleep(TICK)
        self._finished.clear()
        if self.outstanding:
            with suppress(TimeoutError):
                async with asyncio.timeout(GRACE):
                    await self._finished.wait()
        self.outcome.unanswered = self.outstanding

    def _send(self) -> None:
        while self._due and self._free:
            self._free.pop().send(self._request, self._due.popleft())

    def answered(self, connection: _Connection, due: float, status: int, head: bytes) -> None:
        self.outcome.latencies.setdefault(status, []).append(self._loop.time() - due)
        if status >= 400 and not (b"application/problem+json" in head and b"retry-after:" in head):
            self.outcome.malformed += 1
        self._free.append(connection)
        self._end_one()
        self._send()

    def lost(self, connection: _Connection, *, in_flight: bool) -> None:
        if connection in self._free:
            self._free.remove(connection)
        if in_flight:
            self.outcome.broken += 1
            self._end_one()

    def _end_one(self) -> None:
        self.outstanding -= 1
        if not self.outstanding:
            self._finished.set()


async def offer(
    port: int, path: str, *, rate: float, seconds: float, connections: int, headers: Sequence[str] = ()
) -> Outcome:
    """Send `rate` requests a second for so many seconds over so many connections; return what came back."""
    head = "".join(f"{line}\r\n" for line in (f"GET {path} HTTP/1.1", f"Host: {HOST}:{port}", *headers))
    run = _Offer(port, f"{head}\r\n".encode("latin-1"))
    for _ in range(connections):
        await run.connect()
    await run.run(rate, seconds)
    return run.outcome


@click.command
@click.argument("port", type=int)
@click.argument("path")
@click.option("--rate", type=float, required=True)
@click.option("--seconds", type=float, required=True)
@click.option("--connections", type=int, required=True)
@click.option("--header", "headers", multiple=True)
def main(port: int, path: str, rate: float, seconds: float, connections: int, headers: tuple[str, ...]) -> None:
    """Offer the load and print what came back."""
    outcome = asyncio.run(offer(port, path, rate=rate, seconds=seconds, connections=connections, headers=headers))
    refused = [status for status in outcome.counts() if status in {429, 503}]
    result = {
        "statuses": outcome.counts(),
        "accepted_p50_ms": outcome.percentile(0.5, 200),
        "accepted_p99_ms": outcome.percentile(0.99, 200),
        "refused_p50_ms": outcome.percentile(0.5, *refused),
        "refused_p99_ms": outcome.percentile(0.99, *refused),
        "malformed": outcome.malformed,
        "broken": outcome.broken,
        "unanswered": outcome.unanswered,
    }
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
