"""The proxy spoils what it is told to spoil, in the direction it is told, and nothing else."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from core.testing.waiting import until
from tests.faults.kit.proxy import Proxy, proxied
from tests.faults.kit.proxy_control import controlled
from tests.faults.kit.toxics import Bandwidth, Down, Latency, LimitData, ResetPeer, Slicer, SlowClose, Timeout, Toxic

TEXT = bytes(range(256)) * 64
GRACE = 20


class Line:
    """A client's end of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def echo(self, data: bytes) -> bytes:
        self.writer.write(data)
        return await self.reader.readexactly(len(data))


@asynccontextmanager
async def connected(proxy: Proxy) -> AsyncIterator[Line]:
    async with asyncio.timeout(GRACE):
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        try:
            yield Line(reader, writer)
        finally:
            writer.close()


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    """A proxy before a server that says everything back."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1000):
                writer.write(data)
        except OSError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with proxied("127.0.0.1", server.sockets[0].getsockname()[1]) as proxy:
        yield proxy
    server.close()


async def took(line: Line, data: bytes) -> float:
    """Have `data` echoed; return the seconds that it took."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert await line.echo(data) == data
    return loop.time() - began


async def test_without_toxics_everything_comes_through_and_the_end_of_one_side_is_the_end_of_the_other(
    proxy: Proxy,
) -> None:
    async with connected(proxy) as line:
        assert await line.echo(TEXT) == TEXT
        line.writer.write_eof()
        assert await line.reader.read() == b""

    async def none_left() -> bool:
        return proxy.connections == 0

    await until(none_left)
    assert proxy.accepted == 1


@pytest.mark.parametrize(
    ("toxic", "at_least"),
    [
        (Latency(0.15, 0.05), 0.1),
        (Bandwidth(len(TEXT) * 5), 0.19),
        (Slicer(1000, 500, 0.01), 0.1),
    ],
)
@pytest.mark.parametrize("stream", ["upstream", "downstream"])
async def test_what_is_slowed_comes_whole_and_in_order_but_late(
    proxy: Proxy, toxic: Toxic, at_least: float, stream: str
) -> None:
    async with connected(proxy) as line:
        assert await line.echo(b"stands before the toxic") == b"stands before the toxic"
        async with proxy.poisoned(toxic, stream):
            assert await took(line, TEXT) >= at_least
        assert await line.echo(TEXT) == TEXT


async def test_latency_delays_and_does_not_throttle(proxy: Proxy) -> None:
    async with connected(proxy) as line, proxy.poisoned(Latency(0.3), "upstream"):
        loop = asyncio.get_running_loop()
        began = loop.time()
        for _ in range(20):
            line.writer.write(b"x")
            await asyncio.sleep(0.01)  # so that each travels alone
        await line.reader.readexactly(20)
        assert loop.time() - began < 20 * 0.3


async def test_a_black_hole_swallows_without_a_word_until_it_is_removed_and_then_closes(proxy: Proxy) -> None:
    async with connected(proxy) as line, connected(proxy) as idle:
        assert await line.echo(b"1") == b"1"
        async with proxy.poisoned(Timeout()):
            line.writer.write(b"2")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await line.reader.read(1)
            async with connected(proxy) as later:
                later.writer.write(b"3")
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.2):
                        await later.reader.read(1)
        assert await line.reader.read() == b""
        assert await idle.echo(b"never spoilt") == b"never spoilt"


async def test_a_timeout_closes_by_itself(proxy: Proxy) -> None:
    async with connected(proxy) as line, proxy.poisoned(Timeout(0.1), "upstream"):
        line.writer.write(b"1")
        assert await line.reader.read() == b""


async def test_a_reset_is_a_reset_and_not_an_end(proxy: Proxy) -> None:
    async with connected(proxy) as line, proxy.poisoned(ResetPeer(), "downstream"):
        line.writer.write(b"1")
        with pytest.raises(ConnectionResetError):
            await line.reader.read()


async def test_a_slow_close_holds_back_the_end_alone(proxy: Proxy) -> None:
    async with connected(proxy) as line, proxy.poisoned(SlowClose(0.2), "downstream"):
        loop = asyncio.get_running_loop()
        assert await line.echo(b"1") == b"1"
        line.writer.write_eof()
        began = loop.time()
        assert await line.reader.read() == b""
        assert loop.time() - began >= 0.19


async def test_limited_data_ends_at_the_byte(proxy: Proxy) -> None:
    async with connected(proxy) as line, proxy.poisoned(LimitData(1500), "downstream"):
        line.writer.write(TEXT)
        assert await line.reader.read() == TEXT[:1500]


async def test_down_breaks_what_stands_and_refuses_what_comes_until_it_is_up_again(proxy: Proxy) -> None:
    async with connected(proxy) as line:
        assert await line.echo(b"1") == b"1"
        async with proxy.poisoned(Down()):
            with pytest.raises(ConnectionResetError):
                await line.reader.read()
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", proxy.port)
        async with connected(proxy) as again:
            assert await again.echo(b"2") == b"2"


async def test_orders_come_over_a_unix_socket(proxy: Proxy, tmp_path: Path) -> None:
    async with controlled(proxy, tmp_path / "control"):
        reader, writer = await asyncio.open_unix_connection(tmp_path / "control")

        async def order(**what: object) -> dict[str, object]:
            writer.write(json.dumps(what).encode() + b"\n")
            answer: dict[str, object] = json.loads(await reader.readline())
            return answer

        limit = {"type": "limit_data", "bytes": 2}
        added = await order(do="add", name="short", stream="upstream", toxic=limit)
        assert added["toxics"] == {"short": {"stream": "upstream", "toxic": limit}}
        async with connected(proxy) as line:
            line.writer.write(b"12345")
            assert await line.reader.read() in {b"12", b""}
        assert "Invalid value 'gremlin'" in str((await order(do="add", toxic={"type": "gremlin"}))["error"])
        assert "missing required field `rate`" in str((await order(do="add", toxic={"type": "bandwidth"}))["error"])
        assert "nothing" in str((await order(do="remove", name="nothing"))["error"])
        assert (await order(do="remove", name="short"))["toxics"] == {}
        await order(do="add", toxic={"type": "down"})
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", proxy.port)
        assert (await order(do="clear"))["toxics"] == {}
        async with connected(proxy) as line:
            assert await line.echo(b"12345") == b"12345"
        writer.close()
