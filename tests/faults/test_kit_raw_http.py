"""The raw HTTP client does what the tests that use it rely on: it sends any bytes, and believes no broken answer."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from tests.faults.kit.raw_http import BrokenAnswer, Silence, chunk, connected, request

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def peer(talk: Talk) -> AsyncIterator[int]:
    """Serve each connection with `talk` on a port of loopback."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def saying(answer: bytes) -> Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()

    return talk


def test_a_request_is_what_was_asked_for_and_nothing_else() -> None:
    assert request("FOO", "//%00", [("A", "1"), (b"A", b"\xff")], host=None) == (
        b"FOO //%00 HTTP/1.1\r\nA: 1\r\nA: \xff\r\n\r\n"
    )
    assert request("POST", "/", {}, b"ab") == b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\n\r\nab"
    assert b"Content-Length: -1" in request("POST", "/", {"Content-Length": "-1"}, b"ab")
    assert chunk(b"a" * 17, b";x=y") + chunk(b"") == b"11;x=y\r\n" + b"a" * 17 + b"\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("raw", "status", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, b"ok"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n", 200, b"ok"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.0 400 Bad\r\n\r\nto the end", 400, b"to the end"),
    ],
)
async def test_an_answer_is_read_by_its_framing(raw: bytes, status: int, body: bytes) -> None:
    async with peer(saying(raw)) as port, connected("127.0.0.1", port) as client:
        answer = await client.answer()
        assert answer is not None
        assert (answer.status, answer.body) == (status, body)
        assert await client.answer() is None


@pytest.mark.parametrize(
    "raw",
    [
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Le",
    ],
)
async def test_a_broken_answer_is_told(raw: bytes) -> None:
    async with peer(saying(raw)) as port, connected("127.0.0.1", port) as client:
        with pytest.raises(BrokenAnswer):
            await client.answer()


async def test_pipelined_answers_come_one_by_one() -> None:
    two = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2"
    async with peer(saying(two)) as port, connected("127.0.0.1", port) as client:
        answers = [await client.answer(), await client.answer(), await client.answer()]
    assert [answer and answer.body for answer in answers] == [b"1", b"2", None]


async def test_a_server_that_says_nothing_is_told_from_one_that_closes() -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with peer(hang) as port, connected("127.0.0.1", port) as client:
        with pytest.raises(Silence):
            await client.answer(patience=0.05)
        with pytest.raises(Silence):
            await client.ended(patience=0.05)
        client.half_close()
        assert await client.ended() == b""


async def test_an_early_answer_is_read_while_the_rest_is_still_unsent() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n")
        await asyncio.sleep(10)

    async with peer(refuse) as port, connected("127.0.0.1", port) as client:
        answer = await client.exchange(b"x" * 50_000_000)
        assert answer is not None
        assert answer.status == 413


async def test_what_a_server_took_of_a_trickle_is_counted() -> None:
    async def take_three(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(3)
        writer.transport.abort()

    async with peer(take_three) as port, connected("127.0.0.1", port) as client:
        assert 3 <= await client.trickle(b"x" * 500, pause=0.005) < 500


async def test_a_client_that_does_not_read_holds_its_peer_up() -> None:
    stuck = asyncio.Event()

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"x" * 20_000_000)
        try:
            async with asyncio.timeout(0.1):
                await writer.drain()
        except TimeoutError:
            stuck.set()
        writer.transport.abort()

    async with peer(pour) as port, connected("127.0.0.1", port, receive_buffer=4096) as client:
        async with asyncio.timeout(10):
            await stuck.wait()
        assert await client.read(10) == b"x" * 10
