"""What can be wrong with one direction of a connection, under the names that toxiproxy gave these faults."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Annotated, Protocol

import msgspec

Seconds = Annotated[float, msgspec.Meta(ge=0)]
Write = Callable[[bytes], Awaitable[None]]


class Link(Protocol):
    """One direction of one connection, as a toxic sees it."""

    delivered: int
    """Bytes that have come through so far."""

    def reset(self) -> None:
        """Break both halves of the connection with a RST."""

    def close(self) -> None:
        """Close both halves of the connection."""

    async def removal(self, toxic: "Toxic") -> None:
        """Return as soon as `toxic` no longer applies."""


class Toxic(msgspec.Struct, frozen=True, eq=False, tag_field="type"):
    """Passes everything on as it comes; each kind overrides what it spoils. Times are seconds."""

    async def carry(self, data: bytes, arrived: float, link: Link, write: Write) -> None:
        """Pass on `data`, which arrived at this time of the loop's clock, by `write`."""
        await write(data)

    async def end(self, link: Link) -> None:
        """Wait before the end of the stream is passed on."""


class Latency(Toxic, frozen=True, eq=False, tag="latency"):
    """Everything comes later: by `latency`, give or take `jitter`, in order."""

    latency: Seconds
    jitter: Seconds = 0.0

    async def carry(self, data: bytes, arrived: float, link: Link, write: Write) -> None:
        late = self.latency + random.uniform(-self.jitter, self.jitter)
        await asyncio.sleep(max(0.0, arrived + late - asyncio.get_running_loop().time()))
        await write(data)


class Bandwidth(Toxic, frozen=True, eq=False, tag="bandwidth"):
    """No more than `rate` bytes come through in a second."""

    rate: Annotated[int, msgspec.Meta(gt=0)]

    async def carry(self, data: bytes, arrived: float, link: Link, write: Write) -> None:
        piece = max(1, self.rate // 20)
        for start in range(0, len(data), piece):
            part = data[start : start + piece]
            await asyncio.sleep(len(part) / self.rate)
            await write(part)


class Slicer(Toxic, frozen=True, eq=False, tag="slicer"):
    """What comes in one piece goes on in many, of `average_size` give or take `size_variation` bytes."""

    average_size: Annotated[int, msgspec.Meta(gt=0)]
    size_variation: Annotated[int, msgspec.Meta(ge=0)] = 0
    delay: Seconds = 0.0

    async def carry(self, data: bytes, arrived: float, link: Link, write: Write) -> None:
        while data:
            varied = random.randint(-self.size_variation, self.size_variation)
            size = max(1, self.average_size + varied)
            await write(data[:size])
            data = data[size:]
            await asyncio.sleep(self.delay)


class Timeout(Toxic, frozen=True, eq=False, tag="timeout"):
    """Nothing comes through and nobody is told. The connection is closed after `timeout`, or once this is removed.

    With a `timeout` of 0 it stays a black hole until then.
    """

    timeout: Seconds = 0.0

    async def carry(self, data: bytes, arrived: float, link: Link, write: Write) -> None:
        await self._wait(link)

    async def end(self, link: Link) -> None:
        await self._wait(link)

    async def _wait(self, link: Link) -> None:
        try:
            async with asyncio.timeout(self.timeout or None):
                await link.removal(self)
        except TimeoutError:
            pass
        link.close()


class ResetPeer(Toxic, frozen=True, eq=False, tag="reset_peer"):
    """The connection is reset `timeout` after the first byte."""

    timeout: Seconds = 0.0

    async def carry(self, data: bytes, arrived: float, link: Link, write: Write) -> None:
        await asyncio.sleep(self.timeout)
        link.reset()


class SlowClose(Toxic, frozen=True, eq=False, tag="slow_close"):
    """The end of the stream comes `delay` later."""

    delay: Seconds

    async def end(self, link: Link) -> None:
        await asyncio.sleep(self.delay)


class LimitData(Toxic, frozen=True, eq=False, tag="limit_data"):
    """The connection is closed once so many bytes have come through."""

    amount: Annotated[int, msgspec.Meta(ge=0)] = msgspec.field(name="bytes")

    async def carry(self, data: bytes, arrived: float, link: Link, write: Write) -> None:
        left = self.amount - link.delivered
        if left > 0:
            await write(data[:left])
        if len(data) >= left:
            link.close()


class Down(Toxic, frozen=True, eq=False, tag="down"):
    """Nobody listens any more, and what was connected is broken. The direction does not matter."""


AnyToxic = Latency | Bandwidth | Slicer | Timeout | ResetPeer | SlowClose | LimitData | Down
