"""What a plugin's code raises stays within its own request or check, whatever it is."""

import asyncio

import httpx
import pytest
from litestar import get

from core.application import build_application
from core.auth import PUBLIC
from core.containment import StrayError, contained
from core.http.health import HealthCheck


@get("/exit", access=PUBLIC)
async def exiting() -> None:
    raise SystemExit(3)


@get("/stray", access=PUBLIC)
async def stray() -> None:
    task = asyncio.create_task(asyncio.sleep(60))
    task.cancel()
    await task


@get("/fine", access=PUBLIC)
async def fine() -> None: ...


async def quitting(_services: object) -> None:
    raise SystemExit(3)


@pytest.fixture
async def client(make_plugin, compose_plugins):
    name = make_plugin(
        "a",
        register_routes=lambda: [exiting, stray, fine],
        register_health_checks=lambda: [HealthCheck("quitting", quitting)],
    )
    app = build_application(compose_plugins(name), works=False)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        yield client


@pytest.mark.parametrize("path", ["/exit", "/stray"])
async def test_a_handler_ends_its_request_and_not_the_process(client, path):
    answer = await client.get(path)
    assert answer.status_code == 500
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "internal_error"
    assert (await client.get("/fine")).status_code == 200


async def test_a_health_check_that_exits_has_failed(client):
    answer = await client.get("/health/ready")
    assert answer.status_code == 503
    assert "quitting" in answer.json()["detail"]


async def test_who_is_cancelled_by_others_stays_cancelled():
    async def work() -> None:
        with contained():
            await asyncio.sleep(60)

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_deadline_within_is_a_timeout_still():
    async def work() -> None:
        async with asyncio.timeout(0.01):
            with contained():
                await asyncio.sleep(60)

    with pytest.raises(TimeoutError):
        await work()


def test_an_exit_is_told_with_its_code():
    with pytest.raises(StrayError, match="exit the process with 5"), contained():
        raise SystemExit(5)
