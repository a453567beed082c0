"""What there is no room for is refused at once, and nothing takes a place that it does not use."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from litestar import Request, get, post
from litestar.response import Stream

from core.auth import PUBLIC
from core.config.settings import HttpSettings
from core.http.doorkeeper import Doorkeeper
from core.http.overload import RESERVED, Admission, Place
from core.testing.waiting import until


class Gate:
    """What the slow handlers below wait for."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self.inside = 0


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def app(build_app: Any, gate: Gate) -> Any:
    @get("/api/v1/slow", access=PUBLIC)
    async def slow() -> str:
        gate.inside += 1
        await gate.opened.wait()
        return "done"

    @get("/api/v1/stream", access=PUBLIC)
    async def stream() -> Stream:
        async def parts() -> AsyncIterator[bytes]:
            yield b"begun"
            gate.inside += 1
            await gate.opened.wait()

        return Stream(parts())

    @get("/api/v1/patient", access=PUBLIC)
    async def patient(request: Request[Any, Any, Any]) -> str:
        gate.inside += 1
        await request.receive()
        return "left"

    @get("/api/v1/fails", access=PUBLIC)
    async def fails() -> str:
        raise RuntimeError

    @post("/api/v1/upload", access=PUBLIC)
    async def upload(request: Request[Any, Any, Any]) -> int:
        return len(await request.body())

    @get("/health/live", access=PUBLIC)
    async def live() -> str:
        return "live"

    return build_app(slow, stream, patient, fails, upload, live, http=HttpSettings(max_in_flight=3))


def in_flight(app: Any) -> int:
    outermost: Doorkeeper = app.asgi_handler
    return outermost.admission.in_flight


async def test_beyond_the_bound_requests_are_refused_at_once_and_told_when_to_return(
    app: Any, client_of: Any, gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    async with client_of(app) as client:
        taken = [asyncio.create_task(client.get("/api/v1/slow")) for _ in range(3)]
        await until(lambda: gate.inside == 3)
        refused: list[httpx.Response] = [await client.get("/api/v1/slow") for _ in range(30)]
        assert {answer.status_code for answer in refused} == {503}
        assert {answer.headers["Content-Type"] for answer in refused} == {"application/problem+json"}
        assert {answer.json()["code"] for answer in refused} == {"overloaded"}
        assert len({answer.json()["trace_id"] for answer in refused}) == len(refused)
        assert {answer.headers["Retry-After"] for answer in refused} == {"1", "2", "3"}
        assert caplog.messages.count("3 requests are in flight: more are refused") == 1
        assert (await client.get("/health/live")).status_code == 200
        assert gate.inside == 3
        gate.opened.set()
        assert [(await one).status_code for one in taken] == [200] * 3
        assert (await client.get("/api/v1/slow")).status_code == 200
    assert in_flight(app) == 0


async def test_a_stream_that_has_begun_leaves_its_place(app: Any, client_of: Any, gate: Gate) -> None:
    async with client_of(app) as client:
        taken = [asyncio.create_task(client.get("/api/v1/stream")) for _ in range(3)]
        await until(lambda: gate.inside == 3)
        assert in_flight(app) == 0
        gate.opened.set()
        await asyncio.gather(*taken)
    assert in_flight(app) == 0


class Trickle(httpx.AsyncByteStream):
    """A body that stops half-way until it is told to go on."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"first"
        self._gate.inside += 1
        await self._gate.opened.wait()
        yield b"rest"


async def test_slow_bodies_take_no_place(app: Any, client_of: Any, gate: Gate) -> None:
    async with client_of(app) as client:
        slow = [asyncio.create_task(client.post("/api/v1/upload", content=Trickle(gate))) for _ in range(8)]
        await until(lambda: gate.inside == 8)
        assert in_flight(app) == 0
        gate.opened.set()
        assert [(await one).text for one in slow] == ["9"] * 8
    assert in_flight(app) == 0


def scope(path: str) -> dict[str, Any]:
    return {
        "type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b"", "state": {},
        "headers": [(b"host", b"t")], "client": ("127.0.0.1", 1), "server": ("t", 80), "scheme": "http",
        "root_path": "", "http_version": "1.1", "asgi": {"version": "3.0"},
    }  # fmt: skip


async def test_who_only_waits_for_the_client_to_leave_takes_no_place_and_takes_none_back_afterwards(
    app: Any, gate: Gate
) -> None:
    gone = asyncio.Event()

    async def receive() -> Any:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(_: Any) -> None:
        pass

    waiting = [asyncio.create_task(app(scope("/api/v1/patient"), receive, send)) for _ in range(5)]
    await until(lambda: gate.inside == 5)
    assert in_flight(app) == 0
    waiting[0].cancel()
    gone.set()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert in_flight(app) == 0


@pytest.mark.parametrize("path", ["/api/v1/fails", "/api/v1/nowhere", "/health/live"])
async def test_every_end_of_a_request_gives_its_place_back(app: Any, client_of: Any, path: str) -> None:
    async with client_of(app) as client:
        for _ in range(10):
            assert (await client.get(path)).status_code in {200, 404, 500}
    assert in_flight(app) == 0


async def test_a_cancelled_request_gives_its_place_back(app: Any, client_of: Any, gate: Gate) -> None:
    async with client_of(app) as client:
        taken = [asyncio.create_task(client.get("/api/v1/slow")) for _ in range(3)]
        await until(lambda: gate.inside == 3)
        for one in taken:
            one.cancel()
        await asyncio.gather(*taken, return_exceptions=True)
    assert in_flight(app) == 0


async def test_a_place_is_left_when_the_answer_begins_however_slowly_it_is_read() -> None:
    admission, read = Admission(1), asyncio.Event()

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(_: Any) -> None:
        await read.wait()

    place = Place(admission, scope("/"), receive, send)
    place.take()
    reading = asyncio.ensure_future(place.send({"type": "http.response.start", "status": 200, "headers": []}))
    assert admission.in_flight == 0
    read.set()
    await reading


async def test_who_has_left_takes_no_place_back() -> None:
    admission = Admission(1)

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(_: Any) -> None:
        pass

    place = Place(admission, scope("/"), receive, send)
    place.take()
    listening = asyncio.create_task(place.receive())
    await asyncio.sleep(0)
    place.leave()
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    assert admission.in_flight == 0


PAGES = ("/", "/login", "/logout", "/console/style.css")
PROBES = ("/metrics", "/health/live", "/health/ready")


@pytest.mark.parametrize(
    ("paths", "room"),
    [(("/api/v1/slow", "/loginx", "/metricsx", "/consolex", "/nowhere"), 0), (PAGES, RESERVED), (PROBES, 2 * RESERVED)],
)
def test_what_sees_to_the_service_has_places_of_its_own_and_no_more(paths: tuple[str, ...], room: int) -> None:
    admission = Admission(3)
    for path in paths:
        admission.in_flight = 3 + room - 1
        assert admission.admits(scope(path))
        admission.in_flight = 3 + room
        assert not admission.admits(scope(path))


async def test_a_flood_of_the_sign_in_page_is_refused_beyond_its_places_and_keeps_no_probe_out(
    build_app: Any, client_of: Any, gate: Gate
) -> None:
    @get("/login", access=PUBLIC)
    async def login() -> str:
        gate.inside += 1
        await gate.opened.wait()
        return "signed in"

    @get("/health/live", access=PUBLIC)
    async def live() -> str:
        return "live"

    app = build_app(login, live, http=HttpSettings(max_in_flight=3))
    async with client_of(app) as client:
        flood = [asyncio.create_task(client.get("/login")) for _ in range(200)]
        await until(lambda: sum(each.done() for each in flood) == 200 - 3 - RESERVED)
        assert gate.inside == in_flight(app) == 3 + RESERVED
        assert (await client.get("/health/live")).text == "live"
        gate.opened.set()
        statuses = [(await each).status_code for each in flood]
    assert (statuses.count(200), statuses.count(503)) == (3 + RESERVED, 200 - 3 - RESERVED)
    assert in_flight(app) == 0
