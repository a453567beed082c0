"""The limit holds over processes that are really several, that die, and whose database comes and goes."""

import asyncio
import itertools
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from core.http.rate_accounts import SHARE
from ports.secrets import Secret
from tests.faults.kit.cluster import Cluster
from tests.faults.kit.processes import Server, command, environment, server

LIMITED = "/api/v1"
"""An open route that needs no database."""

Figure = Callable[..., None]


@pytest.fixture(scope="module")
async def database(postgres: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Secret:
    """A migrated database for the servers of this module."""
    dsn = await postgres.create_database("limits")
    code, output = await command(tmp_path_factory.mktemp("limits"), environment(dsn), "database", "upgrade")
    assert code == 0, output
    return dsn


@pytest.fixture(autouse=True)
async def _no_counters(database: Secret) -> None:
    await _forget(database)


async def _forget(database: Secret) -> None:
    """Forget who was counted before."""
    connection = await asyncpg.connect(database.reveal())
    await connection.execute("TRUNCATE core.rate_limits")
    await connection.close()


def limited(dsn: Secret, requests: int, seconds: int = 600, **keys: str) -> dict[str, str]:
    """Return a deployment in which each client may send so many requests."""
    limit = f"{{requests = {requests}, seconds = {seconds}}}"
    return environment(dsn, HTTP__RATE_LIMIT=limit, **keys)


@asynccontextmanager
async def several(folder: Path, dsn: Secret, how: str, **keys: str) -> AsyncIterator[list[Server]]:
    """Serve from two processes: two servers, or one of two workers."""
    environ = limited(dsn, 20, HTTP__TRUSTED_PROXIES='["127.0.0.0/8"]', **keys)
    async with AsyncExitStack() as stack:
        if how == "two servers":
            yield [await stack.enter_async_context(server(folder, environ, name=name)) for name in ("one", "two")]
        else:
            environ["HEXASTAR__SERVER"] = how
            yield [await stack.enter_async_context(server(folder, environ, "--workers", "2"))]


def client() -> httpx.AsyncClient:
    """Return a client that opens as many connections as it is asked for."""
    return httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_connections=None, max_keepalive_connections=0))


async def ask(client: httpx.AsyncClient, servers: list[Server], count: int, **headers: str) -> list[httpx.Response]:
    """Send so many requests at once, in turn to each of the servers."""
    urls = itertools.cycle(running.url for running in servers)
    wanted: list[Awaitable[httpx.Response]] = [
        client.get(f"{next(urls)}{LIMITED}", headers=headers) for _ in range(count)
    ]
    return await asyncio.gather(*wanted)


def statuses(answers: list[httpx.Response]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


async def test_of_200_at_once_exactly_the_limit_passes(database: Secret, folder: Path, *, full: bool) -> None:
    ways = ("two servers", "uvicorn", "granian") if full else ("two servers",)
    for turn, how in enumerate(ways):
        async with several(folder, database, how) as servers, client() as browser:
            for number in range(10 if full else 2):
                asked_by = f"2001:db8:{turn}:{number}::1"
                answers = await ask(browser, servers, 200, **{"X-Forwarded-For": asked_by})
                assert statuses(answers) == {200: 20, 429: 180}, how
                _check_what_they_say(answers)


def _check_what_they_say(answers: list[httpx.Response]) -> None:
    for answer in answers:
        assert answer.headers["RateLimit-Policy"] == '"client";q=20;w=600'
        assert answer.headers["RateLimit"].startswith('"client";r=')
    refused = [answer for answer in answers if answer.status_code == 429]
    assert {answer.json()["code"] for answer in refused} == {"rate_limited"}
    assert all(answer.headers["RateLimit"] == f'"client";r=0;t={answer.headers["Retry-After"]}' for answer in refused)


async def seconds_left(dsn: Secret) -> float:
    connection = await asyncpg.connect(dsn.reveal())
    try:
        left: Any = await connection.fetchval(
            "SELECT extract(epoch FROM resets_at - clock_timestamp())::float8 FROM core.rate_limits"
        )
        return float(left)
    finally:
        await connection.close()


async def test_who_is_limited_is_told_how_long_and_may_come_back_then(
    database: Secret, folder: Path, figure: Figure
) -> None:
    async with server(folder, limited(database, 2, seconds=3)) as running, client() as browser:
        answers = await ask(browser, [running], 3)
        refused = next(answer for answer in answers if answer.status_code == 429)
        truth = await seconds_left(database)
        said = int(refused.headers["Retry-After"])
        assert refused.headers["RateLimit"] == f'"client";r=0;t={said}'
        figure("G31", "Retry-After against the truth", abs(said - truth), "s", at_most=1)
        async with asyncio.timeout(30):
            while (await ask(browser, [running], 1))[0].status_code != 200:
                assert await seconds_left(database) > -1, "the window is over and nobody passes"


async def test_nobody_buys_requests_with_a_header(database: Secret, folder: Path) -> None:
    async with server(folder, limited(database, 20)) as running, client() as browser:
        answers = [
            answer
            for number in range(100)
            for answer in await ask(browser, [running], 1, **{"X-Forwarded-For": f"198.51.100.{number}"})
        ]
    assert statuses(answers) == {200: 20, 429: 80}


async def test_our_proxies_are_believed_as_far_as_the_last_hop_that_is_not_ours(database: Secret, folder: Path) -> None:
    keys = {"HTTP__TRUSTED_PROXIES": '["127.0.0.0/8", "10.0.0.0/8"]'}
    async with server(folder, limited(database, 5, **keys)) as running, client() as browser:

        async def passed(*chains: str) -> int:
            answers = [(await ask(browser, [running], 1, **{"X-Forwarded-For": chain}))[0] for chain in chains]
            return statuses(answers)[200]

        assert await passed(*(f"198.51.100.{number}, 203.0.113.1, 10.0.0.7" for number in range(20))) == 5
        assert await passed("203.0.113.2") == 1
        assert await passed(*(f"2001:db8:0:1::{number:x}" for number in range(20))) == 5
        assert await passed("2001:db8:0:2::1") == 1


async def test_a_database_that_goes_and_comes_forgives_nobody(
    postgres: Cluster, database: Secret, folder: Path, *, full: bool
) -> None:
    for mode in ("fast", "immediate") if full else ("immediate",):
        await _forget(database)
        async with server(folder, limited(database, 20), name=mode) as running, client() as browser:
            before = statuses(await ask(browser, [running], 5))
            await postgres.stop(mode)
            try:
                away = statuses(await ask(browser, [running], 40))
            finally:
                await postgres.start()
            await running.ready()
            back = statuses(await ask(browser, [running], 40))
        assert before == {200: 5}
        assert set(away) | set(back) <= {200, 429}
        assert before[200] + away[200] + back[200] == 20


async def test_a_process_that_dies_with_a_lease_gives_nobody_more(database: Secret, folder: Path) -> None:
    environ = limited(database, 1000)
    async with (
        server(folder, environ, name="dies") as dies,
        server(folder, environ, name="lives") as lives,
        client() as browser,
    ):
        passed = 0
        for _ in range(4):
            passed += statuses(await ask(browser, [dies, lives], 100))[200]
        dies.send_group(signal.SIGKILL)
        for _ in range(8):
            passed += statuses(await ask(browser, [lives], 100))[200]
    assert 1000 - 1000 // SHARE <= passed <= 1000
