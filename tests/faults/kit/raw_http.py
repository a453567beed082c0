"""HTTP/1.1 over a bare socket: any bytes, at any pace, whole or broken; answers are parsed strictly.

    async with connected(host, port) as client:
        await client.send(request("POST", "/things", {"Content-Length": "9"}) + b"{")
        answer = await client.answer()        # None: the server closed without one

Nothing is read before it is asked for, so that a client which never asks is a slow reader. `exchange` sends and reads
at once: a server may answer long before it has been told everything.
"""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, NamedTuple

PATIENCE: Final = 30.0
"""Seconds after which a server that is silent counts as one that hangs."""

_PIECE: Final = 64 * 1024
_MAX_HEAD: Final = 1024 * 1024
_BODILESS: Final = frozenset({204, 304})


class Silence(AssertionError):
    """The server neither answered nor closed in time."""


class BrokenAnswer(AssertionError):
    """What the server sent is not an HTTP/1.1 answer."""


class Answer(NamedTuple):
    """One answer, its header names in lower case."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the value of a header that may be there once."""
        values = [value for each, value in self.headers if each == name.lower()]
        assert len(values) < 2, f"{name} is there {len(values)} times: {values}"
        return values[0] if values else None

    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)


Headers = Mapping[str, str | bytes] | Iterable[tuple[str | bytes, str | bytes]]


def request(
    method: str | bytes, target: str | bytes, headers: Headers = (), body: bytes = b"", *, host: str | None = "t"
) -> bytes:
    """Return a request as bytes; nothing is added but `Host` (unless None) and, with a body, its length."""
    pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
    names = {_bytes(name).lower() for name, _ in pairs}
    if host is not None:
        pairs.insert(0, ("Host", host))
    if body and not names & {b"content-length", b"transfer-encoding"}:
        pairs.append(("Content-Length", str(len(body))))
    lines = [_bytes(method) + b" " + _bytes(target) + b" HTTP/1.1"]
    lines += [_bytes(name) + b": " + _bytes(value) for name, value in pairs]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def chunk(data: bytes, extension: bytes = b"") -> bytes:
    """Return `data` as one chunk of a chunked body; no data is the last one."""
    return b"%x%s\r\n%s\r\n" % (len(data), extension, data)


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1")


class RawClient:
    """One connection. `interim` keeps the 1xx answers that went before the last real one."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._received = bytearray()
        self._loop = asyncio.get_running_loop()
        self.interim: list[int] = []

    async def send(self, data: bytes, *, patience: float = PATIENCE) -> bool:
        """Send all of `data`; return whether the server took it, rather than hang up."""
        try:
            async with asyncio.timeout(patience):
                await self._loop.sock_sendall(self._socket, data)
        except TimeoutError:
            raise Silence(f"the server stopped reading, with {len(data)} bytes to send") from None
        except ConnectionError:
            return False
        return True

    async def trickle(self, data: bytes, *, size: int = 1, pause: float = 0.01) -> int:
        """Send `data` in pieces of `size` bytes with pauses between them; return how many the server took."""
        for start in range(0, len(data), size):
            if not await self.send(data[start : start + size]):
                return start
            await asyncio.sleep(pause)
        return len(data)

    async def exchange(self, data: bytes, *, method: str = "GET", patience: float = PATIENCE) -> Answer | None:
        """Send `data` and read the answer at the same time, whichever is over first."""
        sending = asyncio.create_task(self.send(data, patience=patience))
        try:
            return await self.answer(method, patience=patience)
        finally:
            sending.cancel()
            with suppress(asyncio.CancelledError, Silence):
                await sending

    async def answer(self, method: str = "GET", *, patience: float = PATIENCE) -> Answer | None:
        """Return the next answer; None where the server closes without one.

        Raises:
            Silence: nothing came in time.
            BrokenAnswer: it is cut off, or no HTTP.
        """
        try:
            async with asyncio.timeout(patience):
                return await self._answer(method)
        except TimeoutError:
            raise Silence(f"no answer, {len(self._received)} bytes of one: {bytes(self._received[:200])!r}") from None

    async def read(self, size: int = _PIECE) -> bytes:
        """Return up to `size` bytes of whatever comes next; none where the server has closed."""
        if not self._received:
            await self._more(size)
        taken = bytes(self._received[:size])
        del self._received[:size]
        return taken

    async def ended(self, *, patience: float = PATIENCE) -> bytes:
        """Wait until the server closes, in either manner, and return what came until then."""
        try:
            async with asyncio.timeout(patience):
                while await self._more():
                    continue
        except TimeoutError:
            raise Silence("the server keeps the connection open") from None
        return bytes(self._received)

    def half_close(self) -> None:
        """Say that no more will be sent; answers can still be read."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Hang up with a TCP reset."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    async def _answer(self, method: str) -> Answer | None:
        while True:
            head = await self._head()
            if head is None:
                return None
            status, headers = _parse_head(head)
            if status >= 200:
                return Answer(status, headers, await self._body(method, status, headers))
            self.interim.append(status)

    async def _head(self) -> bytes | None:
        while (end := self._received.find(b"\r\n\r\n")) < 0:
            if len(self._received) > _MAX_HEAD:
                raise BrokenAnswer("a head of more than 1 MB")
            if not await self._more():
                if self._received:
                    raise BrokenAnswer(f"cut off in its head: {bytes(self._received[:200])!r}")
                return None
        return self._take(end + 4)

    async def _body(self, method: str, status: int, headers: tuple[tuple[str, str], ...]) -> bytes:
        framing = dict(headers)
        if method == "HEAD" or status in _BODILESS:
            return b""
        if framing.get("transfer-encoding") == "chunked":
            return b"".join([piece async for piece in self._chunks()])
        if "content-length" in framing:
            return await self._exactly(int(framing["content-length"]))
        while await self._more():
            continue
        return self._take(len(self._received))

    async def _chunks(self) -> AsyncIterator[bytes]:
        while True:
            while (end := self._received.find(b"\r\n")) < 0:
                await self._require_more()
            size = int(self._take(end + 2).partition(b";")[0], 16)
            data = await self._exactly(size + 2)
            if not size:
                return
            yield data[:-2]

    async def _exactly(self, size: int) -> bytes:
        while len(self._received) < size:
            await self._require_more()
        return self._take(size)

    async def _require_more(self) -> None:
        if not await self._more():
            raise BrokenAnswer(f"cut off in its body after {len(self._received)} bytes")

    async def _more(self, size: int = _PIECE) -> bool:
        try:
            piece = await self._loop.sock_recv(self._socket, size)
        except ConnectionError:
            return False
        self._received += piece
        return bool(piece)

    def _take(self, size: int) -> bytes:
        taken = bytes(self._received[:size])
        del self._received[:size]
        return taken


def _parse_head(head: bytes) -> tuple[int, tuple[tuple[str, str], ...]]:
    first, *lines = head[:-4].decode("latin-1").split("\r\n")
    version, _, rest = first.partition(" ")
    status = rest[:3]
    if version not in ("HTTP/1.1", "HTTP/1.0") or not status.isdigit():
        raise BrokenAnswer(f"not an HTTP answer: {first[:200]!r}")
    pairs = [line.partition(":") for line in lines]
    return int(status), tuple((name.lower(), value.strip()) for name, _, value in pairs)


@asynccontextmanager
async def connected(host: str, port: int, *, receive_buffer: int | None = None) -> AsyncIterator[RawClient]:
    """Yield a connection; hang up in the end.

    `receive_buffer` bounds, in bytes, what the operating system takes in before the client reads: small for slow
    readers.
    """
    connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    connection.setblocking(False)  # noqa: FBT003 - the socket's own signature
    if receive_buffer is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    try:
        await asyncio.get_running_loop().sock_connect(connection, (host, port))
        yield RawClient(connection)
    finally:
        connection.close()
