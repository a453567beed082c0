"""A request that takes too long is answered 503; bodies and streams take their own time."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from litestar import get, post
from litestar.params import JSONBody
from litestar.response import Stream

from core.auth import PUBLIC
from core.http.deadline import within_deadline

cancelled: list[str] = []


@get("/api/v1/slow", access=PUBLIC, deadline=0.05)
async def slow() -> None:
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


@get("/api/v1/impatient", access=PUBLIC)
async def impatient() -> None:
    raise TimeoutError("something of the handler's own")


@pytest.fixture(scope="module")
def app(build_app):
    return build_app(slow, streamed, uploaded, impatient, middleware=[within_deadline(30.0)])


async def test_what_takes_too_long_is_cancelled_and_answered_503(app, client_of):
    async with client_of(app) as client:
        answer = await client.get("/api/v1/slow")
    assert answer.status_code == 503
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Retry-After"] == "1"
    assert answer.json()["code"] == "deadline_exceeded"
    assert cancelled == ["slow"]


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
