"""A request that takes too long is answered 503; bodies and streams take their own time."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from litestar import get, post
from litestar.params import JSONBody
from litestar.response import Stream

from core.auth import PUBLIC
from core.http.deadline import within_deadline

started = asyncio.Event()
cancelled: list[str] = []


@get("/api/v1/slow", access=PUBLIC, deadline=0.05)
async def slow() -> None:
    started.set()
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        cancelled.append("slow")
        raise


@get("/api/v1/streamed", access=PUBLIC, deadline=0.05)
async def streamed() -> Stream:
    async def parts() -> AsyncIterator[bytes]:
        yield b"begun,"
        await asyncio.sleep(0.1)
        yield b"and ended"

    return Stream(parts())


@post("/api/v1/uploaded", access=PUBLIC, deadline=0.05)
async def uploaded(data: JSONBody[list[int]]) -> int:
    return len(data)


@get("/api/v1/quick", access=PUBLIC, deadline=0.05)
async def quick() -> None:
    await asyncio.sleep(0)


@get("/api/v1/stubborn", access=PUBLIC, deadline=0.05)
async def stubborn() -> str:
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        return "I have what I wanted"
    return ""


@get("/api/v1/impatient", access=PUBLIC)
async def impatient() -> None:
    raise TimeoutError("something of the handler's own")


@pytest.fixture(scope="module")
def app(build_app):
    return build_app(slow, streamed, uploaded, quick, stubborn, impatient, middleware=[within_deadline(30.0)])


async def test_what_takes_too_long_is_cancelled_and_answered_503(app, client_of):
    async with client_of(app) as client:
        answer = await client.get("/api/v1/slow")
    assert answer.status_code == 503
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Retry-After"] == "1"
    assert answer.json()["code"] == "deadline_exceeded"
    assert cancelled.pop() == "slow"


async def test_an_answer_that_has_begun_may_last(app, client_of):
    async with client_of(app) as client:
        assert (await client.get("/api/v1/streamed")).text == "begun,and ended"


async def test_a_body_takes_its_own_time(app, client_of):
    async def slowly() -> AsyncIterator[bytes]:
        for part in (b"[1,", b"2,", b"3]"):
            await asyncio.sleep(0.04)
            yield part

    async with client_of(app) as client:
        headers = {"Content-Type": "application/json"}
        answer = await client.post("/api/v1/uploaded", content=slowly(), headers=headers)
    assert (answer.status_code, answer.json()) == (201, 3)


async def test_a_timeout_of_the_handlers_own_is_no_deadline(app, client_of):
    async with client_of(app) as client:
        answer = await client.get("/api/v1/impatient")
    assert answer.json()["code"] == "internal_error"


async def test_each_of_many_requests_has_a_time_of_its_own(app, client_of):
    """Those that are answered leave the others' clocks as they are, whether they came before or after."""
    paths = ["quick", "slow", "quick", "slow", "streamed", "slow", "quick"] * 3
    async with client_of(app) as client:
        for _ in range(2):
            answers = await asyncio.gather(*(client.get(f"/api/v1/{path}") for path in paths))
            slow_ones = {answer.status_code for path, answer in zip(paths, answers, strict=True) if path == "slow"}
            others = {answer.status_code for path, answer in zip(paths, answers, strict=True) if path != "slow"}
            assert (slow_ones, others) == ({503}, {200})
            await asyncio.sleep(0.06)  # nobody is served: the clock stops, and starts again with the next


async def test_what_is_ready_when_its_time_is_over_is_answered(app, client_of):
    """The cancellation has been taken back by then, so that the answer can be sent."""
    async with client_of(app) as client:
        answer = await client.get("/api/v1/stubborn")
    assert (answer.status_code, answer.text) == (200, "I have what I wanted")


async def test_to_be_cancelled_by_somebody_else_is_no_deadline(app, client_of):
    started.clear()
    async with client_of(app) as client:
        request = asyncio.create_task(client.get("/api/v1/slow"))
        await started.wait()
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
