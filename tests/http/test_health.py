"""Liveness costs nothing, readiness asks everybody, and the index lists what is really served."""

import asyncio
from typing import Any

import httpx
import pytest
from litestar import get, post

from core.auth import PUBLIC
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


def serving(build_app: Any, client_of: Any, *checks: HealthCheck) -> Any:
    app = build_app(list_doctors, add_doctor, hidden, *health.ROUTES, *service.ROUTES)
    services: Any = None
    app.state.health = Health(services, checks, check_seconds=0.05)
    return app, client_of(app)


async def test_live_asks_nobody(build_app: Any, client_of: Any) -> None:
    _, client = serving(build_app, client_of, HealthCheck("database", fails))
    async with client as client:
        assert (await client.get("/health/live")).json() == {"status": "live"}


async def test_ready_reports_every_check(build_app: Any, client_of: Any) -> None:
    checks = [HealthCheck("database", passes), HealthCheck("mail", fails, required=False)]
    _, client = serving(build_app, client_of, *checks)
    async with client as client:
        for path in ("/health/ready", "/api/v1/health"):
            answer = await client.get(path)
            assert answer.status_code == 200
            assert answer.json() == {
                "status": "degraded",
                "checks": [
                    {"name": "database", "status": "pass", "required": True},
                    {"name": "mail", "status": "fail", "required": False},
                ],
            }


@pytest.mark.parametrize("check", [fails, hangs])
async def test_without_a_required_dependency_it_is_not_ready(build_app: Any, client_of: Any, check: Any) -> None:
    _, client = serving(build_app, client_of, HealthCheck("database", check), HealthCheck("mail", passes))
    async with client as client:
        answer: httpx.Response = await client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "not_ready"
    assert [fault["meta"]["check"] for fault in answer.json()["errors"]] == ["database"]
    assert "secret" not in answer.text


async def test_startup_is_over_once_it_is(build_app: Any, client_of: Any) -> None:
    app, client = serving(build_app, client_of)
    async with client as client:
        assert (await client.get("/health/startup")).status_code == 503
        health.mark_started(app)
        assert (await client.get("/health/startup")).json() == {"status": "started"}


async def test_the_index_is_read_off_the_routes(build_app: Any, client_of: Any) -> None:
    _, client = serving(build_app, client_of)
    async with client as client:
        index = (await client.get("/api/v1")).json()
    entries = {entry["path"]: entry for entry in index["data"]}
    assert entries["/api/v1/doctors"]["methods"] == ["GET", "POST"]
    assert entries["/api/v1/doctors"]["summary"] == "List the doctors."
    assert "/api/v1/health" in entries
    assert "/api/v1/hidden" not in entries
