"""A receiver of traces: takes OTLP over HTTP, counts the bytes and forgets them. Run as `traces <port>`.

As `traces <port> hanging` it takes exports and never answers one.
"""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bench.processes import Program
from tests.bench.servers import HOST, Server, serving

COUNT: Final = "/bytes"
HANGING: Final = "hanging"


@dataclass(frozen=True, slots=True)
class Sink:
    """A receiver that runs."""

    server: Server

    def variables(self, ratio: float) -> dict[str, str]:
        """Return the environment of a process that sends this share of its traces here."""
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{HOST}:{self.server.port}",
            "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
            "OTEL_TRACES_SAMPLER_ARG": str(ratio),
        }

    def received_bytes(self) -> int:
        """Return how much has come in."""
        return int(self.server.get(COUNT, {}))


@contextmanager
def receiving(folder: Path, name: str = "all", *manners: str) -> Iterator[Sink]:
    """Run a receiver in a process of its own."""

    def launch(port: int) -> Program:
        return Program([sys.executable, "-m", "tests.bench.traces", str(port), *manners])

    with serving(f"sink-{name}", launch, folder, COUNT, {}) as server:
        yield Sink(server)


class _Receiver:
    """Just as much of HTTP/1.1 as an exporter needs, so that receiving takes next to no processor time."""

    def __init__(self, *, hangs: bool) -> None:
        self._received = 0
        self._hangs = hangs

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(_content_length(head))
                self._received += _content_length(head)
                if self._hangs and not head.startswith(b"GET "):
                    await asyncio.Event().wait()
                body = str(self._received).encode() if head.startswith(b"GET ") else b""
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
                await writer.drain()
        writer.close()


def _content_length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


async def _serve(port: int, *, hangs: bool) -> None:
    server = await asyncio.start_server(_Receiver(hangs=hangs).serve, HOST, port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), hangs=HANGING in sys.argv[2:]))
