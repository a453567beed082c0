"""The request's body, looked at before the handler reads it, and the wait for a client that may leave meanwhile."""

import asyncio
from typing import Any, Final

from litestar.types import Receive

MAX_READ: Final = 1024 * 1024
"""Bytes of a body that rules look at; a longer one is passed on unread, and rules see it as empty."""


class Intake:
    """A `receive` that gives again what was read ahead, and notes what passes through.

    Attributes:
        noted: the first bytes of the body, as far as it has been received.
        read: the whole body, once it has been asked for and was not too long.
        truncated: whether there were more than are noted.
        is_abandoned: whether the client left before it had sent its body.
    """

    __slots__ = ("_ahead", "_complete", "_receive", "_room", "is_abandoned", "noted", "read", "truncated")

    def __init__(self, receive: Receive, room: int) -> None:
        self._receive = receive
        self._room = room
        self._ahead: list[Any] = []
        self._complete = False
        self.noted = bytearray()
        self.read: bytes | None = None
        self.truncated = False
        self.is_abandoned = False

    async def __call__(self) -> Any:
        """Return the next message."""
        if self._ahead:
            return self._ahead.pop(0)
        message = await self._receive()
        self._note(message)
        return message

    async def body(self) -> bytes | None:
        """Return the whole body, which stays to be read; None where it is too long for rules to look at."""
        if self.read is not None:
            return self.read
        chunks, size = [], 0
        while not self._complete and size <= MAX_READ:
            message = await self._receive()
            self._note(message)
            self._ahead.append(message)
            if message["type"] != "http.request":
                self._complete = True
                return None
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
        if self._complete and size <= MAX_READ:
            self.read = b"".join(chunks)
        return self.read

    async def stays(self, seconds: float) -> bool:
        """Wait; return False as soon as the client has left. Needs nothing but a timer meanwhile."""
        await self.body()
        if self.is_abandoned:
            return False
        if not self._complete:
            await asyncio.sleep(seconds)
            return True
        try:
            async with asyncio.timeout(seconds):
                while (await self._receive())["type"] != "http.disconnect":
                    pass
        except TimeoutError:
            return True
        return False

    def _note(self, message: Any) -> None:
        if message["type"] != "http.request":
            self.is_abandoned = not self._complete
            return
        body = message.get("body", b"")
        room = self._room - len(self.noted)
        self.noted += body[:room]
        self.truncated = self.truncated or len(body) > room
        if not message.get("more_body", False):
            self._complete = True
