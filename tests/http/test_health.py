"""Liveness costs nothing, readiness asks everybody once a moment, and the index lists what is really served."""

import asyncio
import logging
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from litestar import get, post
from litestar.di import Provide

from core.auth import PUBLIC
from core.clock import SystemClock
from core.http import health, service
from core.http.health import Health, HealthCheck


async def passes(_: Any) -> None:
    pass


async def fails(_: Any) -> None:
    raise OSError("secret detail")


async def hangs(_: Any) -> None:
    await asyncio.Event().wait()


@get("/api/v1/doctors", access=PUBLIC)
async def list_doctors() -> int:
    """List the doctors.

    And more.
    """
    return 1


@post("/api/v1/doctors", access=PUBLIC)
async def add_doctor() -> int:
    """Add a doctor."""
    return 1


@get("/api/v1/hidden", access=PUBLIC, include_in_schema=False)
async def hidden() -> int:
    return 1


class Timer:
    """A stopwatch that tests move."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def serving(build_app: Any, client_of: Any, *checks: HealthCheck, timer: Timer | None = None) -> Any:
    clock = Provide(SystemClock, sync_to_thread=False)
    handlers = [list_doctors, add_doctor, hidden, *health.ROUTES, *service.ROUTES]
    app = build_app(*handlers, dependencies={"clock": clock})
    services: Any = SimpleNamespace(draining=False)
    app.state.health = Health(services, checks, check_seconds=0.05, timer=timer or Timer())
    return app, client_of(app)


async def test_live_asks_nobody(build_app: Any, client_of: Any) -> None:
    _, client = serving(build_app, client_of, HealthCheck("database", fails))
    async with client as client:
        assert (await client.get("/health/live")).json() == {"status": "live"}


async def test_ready_and_health_report_every_check(build_app: Any, client_of: Any) -> None:
    checks = [HealthCheck("database", passes), HealthCheck("mail", fails, required=False)]
    timer = Timer()
    _, client = serving(build_app, client_of, *checks, timer=timer)
    timer.seconds = 61.9
    async with client as client:
        ready, told = (await client.get("/health/ready")).json(), (await client.get("/api/v1/health")).json()
    assert ready["status"] == told["status"] == "degraded"
    assert ready["checks"] == told["checks"]
    assert [(name, check["status"], check["required"]) for name, check in told["checks"].items()] == [
        ("database", "pass", True),
        ("mail", "fail", False),
    ]
    assert all(check["latency_ms"] >= 0 for check in told["checks"].values())
    assert set(told) == {"status", "version", "uptime_seconds", "timestamp", "checks"}
    assert told["uptime_seconds"] == 61
    assert told["timestamp"].endswith("Z")


async def test_counts_are_told_on_request_and_one_that_fails_is_left_out(build_app: Any, client_of: Any) -> None:
    async def count(_: Any) -> dict[str, int]:
        return {"doctors": 3}

    checks = [HealthCheck("a", passes, counts=count), HealthCheck("b", passes, counts=fails), HealthCheck("c", passes)]
    _, client = serving(build_app, client_of, *checks)
    async with client as client:
        assert (await client.get("/api/v1/health?verbose=true")).json()["counts"] == {"doctors": 3}
        assert "counts" not in (await client.get("/api/v1/health?verbose=false")).json()


@pytest.mark.parametrize("check", [fails, hangs])
@pytest.mark.parametrize(("path", "code"), [("/health/ready", "not_ready"), ("/api/v1/health", "unhealthy")])
async def test_without_a_required_dependency_it_is_a_problem(
    build_app: Any, client_of: Any, check: Any, path: str, code: str
) -> None:
    _, client = serving(build_app, client_of, HealthCheck("database", check), HealthCheck("mail", passes))
    async with asyncio.timeout(10), client as client:
        answer: httpx.Response = await client.get(path)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == code
    assert [fault["meta"]["check"] for fault in answer.json()["errors"]] == ["database"]
    assert "secret" not in answer.text


async def test_however_many_probes_come_a_dependency_is_asked_once_a_second(build_app: Any, client_of: Any) -> None:
    asked = 0

    async def count(_: Any) -> None:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0)

    timer = Timer()
    _, client = serving(build_app, client_of, HealthCheck("database", count), timer=timer)
    async with client as client:
        await asyncio.gather(*(client.get("/health/ready") for _ in range(10)))
        assert asked == 1
        timer.seconds += 1.0
        await client.get("/api/v1/health")
        assert asked == 2


async def test_a_failing_check_is_logged_when_it_begins_and_when_it_ends(
    build_app: Any, client_of: Any, caplog: pytest.LogCaptureFixture
) -> None:
    answers = iter([fails, fails, passes, passes])

    async def flicker(services: Any) -> None:
        await next(answers)(services)

    timer = Timer()
    _, client = serving(build_app, client_of, HealthCheck("database", flicker), timer=timer)
    async with client as client:
        with caplog.at_level(logging.INFO, logger=health.__name__):
            for _ in range(4):
                await client.get("/health/ready")
                timer.seconds += 2
    told = [record.getMessage() for record in caplog.records if record.name == health.__name__]
    assert told == [
        "the health check of database fails",
        "the health check of database passes again",
    ]


async def test_startup_is_over_once_it_is(build_app: Any, client_of: Any) -> None:
    app, client = serving(build_app, client_of)
    async with client as client:
        assert (await client.get("/health/startup")).status_code == 503
        health.mark_started(app)
        assert (await client.get("/health/startup")).json() == {"status": "started"}


async def test_the_index_is_read_off_the_routes(build_app: Any, client_of: Any) -> None:
    _, client = serving(build_app, client_of)
    async with client as client:
        endpoints = (await client.get("/api/v1")).json()["endpoints"]
    assert {"method": "GET", "path": "/api/v1/doctors", "summary": "List the doctors."} in endpoints
    assert {"method": "POST", "path": "/api/v1/doctors", "summary": "Add a doctor."} in endpoints
    assert {"/api/v1/health", "/api/v1"} <= {endpoint["path"] for endpoint in endpoints}
    assert "/api/v1/hidden" not in {endpoint["path"] for endpoint in endpoints}
