"""No more than the limit gets through, whoever counts."""

import asyncio
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from litestar import post

from adapters.storage import postgres
from core.auth import ANONYMOUS, PUBLIC, Principal
from core.clock import SystemClock
from core.http.problems import Problem
from core.http.rate_limit import RateLimit, RateLimiter
from core.http.rate_store import prune_rate_limits
from core.jobs.declare import Tick
from core.unit_of_work import UnitOfWorkFactory
from ports.errors import Unavailable
from ports.secrets import Secret
from ports.storage import Storage

LIMIT = RateLimit("login", 20, per=60)


@post("/api/v1/login", access=PUBLIC, rate_limit=LIMIT)
async def login() -> str:
    return "in"


@pytest.fixture
def limiter(units: UnitOfWorkFactory, http_storage: Storage) -> RateLimiter:
    """A limiter whose rows `units` deletes after the test."""
    return RateLimiter(SimpleNamespace(storage=http_storage))


async def passes(limiter: RateLimiter, limit: RateLimit, who: str) -> bool:
    try:
        await limiter.take(limit, who)
    except Problem:
        return False
    return True


async def test_exactly_the_limit_passes_over_two_processes(limiter: RateLimiter, http_database: Secret) -> None:
    async with postgres.open(postgres.Settings(dsn=http_database)) as other:
        limiters = [limiter, RateLimiter(SimpleNamespace(storage=other))]
        passed = await asyncio.gather(*(passes(limiters[n % 2], LIMIT, "a") for n in range(200)))
    assert sum(passed) == 20


async def test_limits_and_clients_are_counted_apart(limiter: RateLimiter) -> None:
    one = RateLimit("one", 1, per=60)
    assert await passes(limiter, one, "a")
    assert await passes(limiter, one, "b")
    assert await passes(limiter, RateLimit("other", 1, per=60), "a")
    assert not await passes(limiter, one, "a")


async def test_who_is_limited_is_told_when_to_come_back(build_app: Any, client_of: Any, limiter: RateLimiter) -> None:
    app = build_app(login)
    app.state.rate_limiter = limiter
    async with client_of(app) as client:
        answers: list[httpx.Response] = [await client.post("/api/v1/login") for _ in range(21)]
    assert [answer.status_code for answer in answers] == [201] * 20 + [429]
    refused = answers[-1]
    assert refused.json()["code"] == "rate_limited"
    seconds = int(refused.headers["Retry-After"])
    assert 1 <= seconds <= 60
    assert refused.headers["RateLimit"] == f'"login";r=0;t={seconds}'
    assert refused.headers["RateLimit-Policy"] == '"login";q=20;w=60'


class As:
    """An ASGI layer that sets the principal, as authentication does."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        name = dict(scope["headers"]).get(b"x-as")
        scope["user"] = Principal(id=name.decode(), kind="user") if name else ANONYMOUS
        await self.app(scope, receive, send)


@post("/api/v1/report", access=PUBLIC, rate_limit=RateLimit("report", 1, by="principal"))
async def report() -> str:
    return "made"


async def test_principals_behind_one_address_are_counted_apart_and_the_anonymous_together(
    build_app: Any, client_of: Any, limiter: RateLimiter
) -> None:
    app = build_app(report, middleware=[As])
    app.state.rate_limiter = limiter
    async with client_of(app) as client:
        who = ({"X-As": "alice"}, {"X-As": "bob"}, {"X-As": "alice"}, {}, {})
        statuses = [(await client.post("/api/v1/report", headers=headers)).status_code for headers in who]
    assert statuses == [201, 201, 429, 201, 429]


async def test_a_window_that_is_over_begins_anew(
    limiter: RateLimiter, units: UnitOfWorkFactory, http_storage: Storage
) -> None:
    two = RateLimit("two", 2, per=60)
    assert [await passes(limiter, two, "a") for _ in range(3)] == [True, True, False]
    async with units() as uow:
        await (await uow.connection()).execute("UPDATE core.rate_limits SET resets_at = now()")
    other = RateLimiter(SimpleNamespace(storage=http_storage))
    assert [await passes(other, two, "a") for _ in range(3)] == [True, True, False]


async def test_old_windows_are_pruned(limiter: RateLimiter, units: UnitOfWorkFactory) -> None:
    await limiter.take(LIMIT, "a")
    async with units() as uow:
        await (await uow.connection()).execute("UPDATE core.rate_limits SET resets_at = now()")
    async with units() as uow:
        await prune_rate_limits(Tick(SystemClock().now()), uow=uow)
    async with units() as uow:
        assert await (await uow.connection()).fetchval("SELECT count(*) FROM core.rate_limits") == 0


class AwayStorage:
    """A store that is away."""

    async def fetch_one(self, *_: Any, **__: Any) -> None:
        raise Unavailable("away")


async def test_while_the_store_is_away_the_limit_still_holds() -> None:
    limiter = RateLimiter(SimpleNamespace(storage=AwayStorage()))
    passed = [await passes(limiter, LIMIT, "a") for _ in range(30)]
    assert sum(passed) == 20


@pytest.mark.parametrize("wrong", [{"limit": 0}, {"per": 0}, {"name": 'a"b'}, {"name": "a\nb"}])
def test_a_limit_that_limits_nothing_is_refused_where_it_is_written(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="a rate limit"):
        RateLimit(**{"name": "a", "limit": 1, "per": 1, **wrong})
