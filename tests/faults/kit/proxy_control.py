"""Telling a proxy what to do over a unix socket, one JSON object a line.

    {"do": "add", "stream": "upstream", "name": "slow", "toxic": {"type": "bandwidth", "rate": 1000}}
    {"do": "remove", "name": "slow"}
    {"do": "clear"}
    {"do": "list"}

Each is answered by a line: `{"toxics": {…}, "connections": 2}`, or `{"error": "…"}`.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Literal

import msgspec

from tests.faults.kit.proxy import Proxy, Stream
from tests.faults.kit.toxics import AnyToxic


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the proxy is told over its unix socket."""

    do: Literal["add", "remove", "clear", "list"]
    name: str = ""
    stream: Stream = "downstream"
    toxic: AnyToxic | None = None


async def obey(proxy: Proxy, line: bytes) -> bytes:
    """Do what one line of JSON says; return the line that answers it."""
    try:
        order = msgspec.json.decode(line, type=Order)
        if order.do == "add":
            assert order.toxic is not None, "add needs a toxic"
            await proxy.add(order.toxic, order.stream, order.name or None)
        elif order.do == "remove":
            await proxy.remove(order.name)
        elif order.do == "clear":
            await proxy.clear()
    except (msgspec.ValidationError, msgspec.DecodeError, AssertionError, KeyError) as error:
        return msgspec.json.encode({"error": str(error)}) + b"\n"
    toxics = {name: {"stream": stream, "toxic": toxic} for name, (stream, toxic) in proxy.toxics().items()}
    return msgspec.json.encode({"toxics": toxics, "connections": proxy.connections}) + b"\n"


@asynccontextmanager
async def controlled(proxy: Proxy, path: Path) -> AsyncIterator[None]:
    """Take orders over a unix socket at `path`."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            async for line in reader:
                writer.write(await obey(proxy, line))
        writer.close()

    server = await asyncio.start_unix_server(serve, path)
    try:
        yield
    finally:
        server.close()
