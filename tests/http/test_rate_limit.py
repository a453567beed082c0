"""No more than the limit gets through, whoever counts."""

import asyncio
from datetime import UTC, datetime, timedelta
from time import monotonic
from types import SimpleNamespace
from typing import Any

import httpx
import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from litestar import get, post

from adapters.storage import postgres
from core.auth import PUBLIC
from core.clock import SystemClock, new_id
from core.http.problem_types import CONFLICT
from core.http.problems import Problem
from core.http.rate_accounts import Grant, Want, share
from core.http.rate_limit import MOST_ACCOUNTS, ClientCount, RateLimit, RateLimiter, counted_as
from core.http.rate_store import give_back, prune_rate_limits, take
from core.jobs.declare import Tick
from core.unit_of_work import UnitOfWorkFactory
from ports.errors import Unavailable
from ports.secrets import Secret
from ports.storage import Storage
from tests.http.principals import As

LIMIT = RateLimit("login", 20, per=60)


@post("/api/v1/login", access=PUBLIC, rate_limit=LIMIT)
async def login() -> str:
    return "in"


@get("/api/v1/refuse", access=PUBLIC, rate_limit=RateLimit("refuse", 9, per=60))
async def refuse() -> str:
    raise Problem(CONFLICT)


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


async def test_limits_of_one_name_that_differ_are_counted_apart(limiter: RateLimiter) -> None:
    assert await passes(limiter, RateLimit("one", 1, per=60), "a")
    assert await passes(limiter, RateLimit("one", 1, per=61), "a")
    assert await passes(limiter, RateLimit("one", 2, per=60), "a")
    assert not await passes(limiter, RateLimit("one", 1, per=60), "a")


async def test_every_answer_of_a_limited_route_says_how_much_is_left(
    build_app: Any, client_of: Any, limiter: RateLimiter
) -> None:
    app = build_app(login, refuse)
    app.state.rate_limiter = limiter
    async with client_of(app) as client:
        answers: list[httpx.Response] = [await client.post("/api/v1/login") for _ in range(21)]
        others = [await client.get("/api/v1/refuse"), await client.get("/api/v1/refuse?odd=1")]
        unlimited = await client.get("/api/v1/nowhere")
    assert [answer.status_code for answer in answers] == [201] * 20 + [429]
    refused = answers[-1]
    assert refused.json()["code"] == "rate_limited"
    seconds = int(refused.headers["Retry-After"])
    assert 40 <= seconds <= 60
    left = [f'"login";r={19 - number};t=' for number in range(20)] + [f'"login";r=0;t={seconds}']
    assert all(answer.headers["RateLimit"].startswith(said) for answer, said in zip(answers, left, strict=True))
    assert {answer.headers["RateLimit-Policy"] for answer in answers} == {'"login";q=20;w=60'}
    assert [answer.status_code for answer in others] == [409, 400]
    assert [answer.headers["RateLimit"].partition(";t")[0] for answer in others] == ['"refuse";r=8', '"refuse";r=7']
    assert "RateLimit" not in unlimited.headers


async def test_a_client_is_held_to_the_limit_of_all_requests_and_to_that_of_the_route(
    build_app: Any, client_of: Any, limiter: RateLimiter
) -> None:
    app = build_app(login, client_limit=ClientCount(limiter, 3, 60))
    app.state.rate_limiter = limiter
    async with client_of(app) as client:
        first = await client.post("/api/v1/login")
        paths = ["/api/v1/nowhere", "http://testserver//api/v1/login", "/api/v1/x", "http://testserver///api/v1/x"]
        statuses = [(await client.get(path)).status_code for path in paths]
        elsewhere = await client.get("/health/live")
    assert first.headers.get_list("RateLimit", split_commas=True) == [
        f'"client";r=2;t={first.headers["RateLimit"].partition("t=")[2].partition(",")[0]}',
        f'"login";r=19;t={first.headers["RateLimit"].rpartition("t=")[2]}',
    ]
    assert first.headers["RateLimit-Policy"] == '"client";q=3;w=60, "login";q=20;w=60'
    assert statuses == [404, 405, 429, 429]
    assert elsewhere.status_code == 404


@pytest.mark.parametrize(
    ("address", "who"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "testclient"),
        ("", ""),
    ],
)
def test_an_ipv6_client_is_its_64(address: str, who: str) -> None:
    assert counted_as(address) == who


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


class Counted:
    """A store that counts the statements it is given."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.statements = 0

    async def fetch_one(self, *arguments: Any, **parameters: Any) -> Any:
        self.statements += 1
        return await self._storage.fetch_one(*arguments, **parameters)

    async def execute(self, *arguments: Any, **parameters: Any) -> Any:
        return await self._storage.execute(*arguments, **parameters)


async def test_many_requests_at_once_ask_the_store_together_and_refusals_ask_it_rarely(
    units: UnitOfWorkFactory, http_storage: Storage
) -> None:
    counted = Counted(http_storage)
    limiter = RateLimiter(SimpleNamespace(storage=counted))
    assert sum(await asyncio.gather(*(passes(limiter, LIMIT, "a") for _ in range(500)))) == 20
    assert counted.statements <= 10


async def test_a_busy_process_asks_rarely_and_gives_back_what_it_has_left(
    units: UnitOfWorkFactory, http_storage: Storage
) -> None:
    counted = Counted(http_storage)
    limiter = RateLimiter(SimpleNamespace(storage=counted))
    many = RateLimit("many", 100_000, per=3600)
    async with limiter.running():
        for _ in range(2000):
            await limiter.take(many, "a")
    assert counted.statements < 100
    async with units() as uow:
        assert await (await uow.connection()).fetchval("SELECT used FROM core.rate_limits") == 2000


async def test_memory_is_bounded_whoever_comes(figure: Any, *, full: bool) -> None:
    limiter = RateLimiter(SimpleNamespace(storage=AwayStorage()))
    before = psutil.Process().memory_info().rss
    for number in range(1_000_000 if full else 2 * MOST_ACCOUNTS):
        await limiter.take(LIMIT, f"{number}")
    assert limiter.remembered == MOST_ACCOUNTS
    figure(
        "G31", "memory that any number of clients takes", (psutil.Process().memory_info().rss - before) / 2**20, "MB"
    )


async def test_forgetting_a_client_gives_it_nothing(limiter: RateLimiter) -> None:
    assert [await passes(limiter, LIMIT, "a") for _ in range(25)] == [True] * 20 + [False] * 5
    limiter.forget()
    assert not await passes(limiter, LIMIT, "a")


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(1, 500),
    st.lists(
        st.tuples(st.integers(1, 50), st.integers(0, 256), st.integers(0, 30), st.sampled_from([0, 0, 0, 1, 2])),
        min_size=1,
        max_size=12,
    ),
)
async def test_the_statement_grants_what_the_rule_says(
    units: UnitOfWorkFactory, http_storage: Storage, limit: int, asked: list[tuple[int, int, int, int]]
) -> None:
    """Over many sequences of demands, with windows that end and rows that are lost in between."""
    key = str(new_id())
    used: int | None = None
    for now, ahead, spent, event in asked:
        if event:
            row = "DELETE FROM core.rate_limits" if event == 1 else "UPDATE core.rate_limits SET resets_at = now()"
            async with units() as uow:
                await (await uow.connection()).execute(f"{row} WHERE key = $1", key)
        want = Want(now, ahead, spent, known=used or 0)
        if used is None or event == 1:
            base = min(limit, want.known + spent)
        else:
            base = min(limit, (0 if event else used) + spent)
        granted = share(limit, base, want)
        grant = await take(http_storage, key, limit, 3600, want)
        assert (grant.granted, grant.used) == (granted, base + granted)
        assert 3500 < grant.seconds <= 3600
        used = grant.used


async def test_tokens_are_given_back_to_their_own_window_alone(units: UnitOfWorkFactory, http_storage: Storage) -> None:
    first = await take(http_storage, "key", 20, 3600, Want(10))
    await give_back(http_storage, "key", 4, first.window)
    await give_back(http_storage, "key", 4, first.window + timedelta(microseconds=1))
    assert (await take(http_storage, "key", 20, 3600, Want(1))).used == 7


class AwayStorage:
    """A store that is away, or that does not answer at all."""

    def __init__(self, *, silent: bool = False) -> None:
        self.silent = silent
        self.asked = 0

    async def fetch_one(self, *_: Any, **__: Any) -> None:
        self.asked += 1
        if self.silent:
            await asyncio.Event().wait()
        raise Unavailable("away")


@pytest.mark.parametrize("silent", [False, True])
async def test_while_the_store_is_away_the_limit_still_holds_and_the_store_is_left_alone(*, silent: bool) -> None:
    away = AwayStorage(silent=silent)
    limiter = RateLimiter(SimpleNamespace(storage=away))
    assert sum(await asyncio.gather(*(passes(limiter, LIMIT, "a") for _ in range(50)))) == 20
    assert sum(await asyncio.gather(*(passes(limiter, LIMIT, str(number)) for number in range(50)))) == 50
    assert away.asked <= 5


@pytest.mark.parametrize("wrong", [{"limit": 0}, {"per": 0}, {"name": 'a"b'}, {"name": "a\nb"}])
def test_a_limit_that_limits_nothing_is_refused_where_it_is_written(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="a rate limit"):
        RateLimit(**{"name": "a", "limit": 1, "per": 1, **wrong})


class FailingStorage(AwayStorage):
    """A store that grants more than is asked for, and then is away or silent."""

    async def fetch_one(self, *_: Any, **__: Any) -> Any:
        return Grant(5, 5, 60.0, datetime.now(UTC))

    async def execute(self, *_: Any, **__: Any) -> None:
        await super().fetch_one()


@pytest.mark.parametrize("silent", [False, True])
async def test_a_store_that_is_away_is_asked_once_to_take_tokens_back(*, silent: bool) -> None:
    failing = FailingStorage(silent=silent)
    limiter = RateLimiter(SimpleNamespace(storage=failing))
    assert all([await passes(limiter, LIMIT, str(number)) for number in range(20)])
    await limiter.give_back(monotonic() + 2)
    assert failing.asked == 1
