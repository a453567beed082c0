"""More requests than a server can take on: what it accepts it answers, the rest it refuses at once and properly."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import httpx

from tests.bench.open_loop import offer
from tests.faults.kit.cluster import Cluster
from tests.faults.kit.orchard import Orchard
from tests.faults.kit.processes import environment, server

REST = "/api/v1/orchard/rest/50"
"""Works for 50 ms, so that what a server can do follows from how much it takes on."""

STUBBED = "/api/v1/doctors/psv/license/status?license_number=LIC-1"

MOST = 20
CAPACITY = MOST / 0.05

Figure = Callable[..., None]


async def test_at_three_times_the_capacity_the_rest_is_refused_and_afterwards_all_is_as_before(
    postgres: Cluster, folder: Path, figure: Figure, *, full: bool
) -> None:
    environ = Orchard(folder, await postgres.create_database("overloaded")).environ(HTTP__MAX_IN_FLIGHT=str(MOST))
    for how in ("uvicorn", "granian") if full else ("uvicorn",):
        environ["HEXASTAR__SERVER"] = how
        async with (
            server(folder, environ, name=how) as running,
            httpx.AsyncClient(base_url=running.url, timeout=30) as probe,
        ):
            await offer(running.port, REST, rate=CAPACITY / 4, seconds=1, connections=20)
            memory = running.resident_bytes()
            burst = asyncio.create_task(
                offer(running.port, REST, rate=3 * CAPACITY, seconds=10 if full else 3, connections=200)
            )
            lives = 0
            while not burst.done():
                assert (await probe.get("/health/live")).status_code == httpx.codes.OK
                lives += 1
            outcome = await burst
            grown = running.resident_bytes() - memory
            after = await offer(running.port, REST, rate=CAPACITY / 4, seconds=1, connections=20)
        assert lives
        assert set(outcome.counts()) == {200, 503}, "it is accepted or refused"
        assert (outcome.malformed, outcome.broken, outcome.unanswered) == (0, 0, 0)
        assert set(after.counts()) == {200}, "once the burst is over nobody is refused"
        figure("G21", f"accepted p99 at 3 x capacity, {how}", outcome.percentile(0.99, 200) / 1000, "s", at_most=1.5)
        figure("G21", f"refused p99 at 3 x capacity, {how}", outcome.percentile(0.99, 503), "ms", at_most=100)
        figure("G21", f"memory growth at 3 x capacity, {how}", grown / 2**20, "MB", at_most=64)
        figure("G21", f"p99 after the burst, {how}", after.percentile(0.99, 200), "ms")


async def test_a_hundred_clients_that_wait_50_ms_each_are_no_overload(postgres: Cluster, folder: Path) -> None:
    environ = Orchard(folder, await postgres.create_database("patient")).environ()
    async with server(folder, environ) as running:
        outcome = await offer(running.port, REST, rate=10_000, seconds=0.1, connections=100)
    assert set(outcome.counts()) == {200}
    assert (outcome.broken, outcome.unanswered) == (0, 0)


async def test_answers_that_a_stub_delays_take_no_place(postgres: Cluster, folder: Path) -> None:
    dsn = await postgres.create_database("delayed")
    environ = environment(dsn, "verification", HTTP__MAX_IN_FLIGHT="20", PLUGINS__VERIFICATION__OPEN_READS="true")
    async with server(folder, environ) as running:
        async with httpx.AsyncClient(base_url=running.url, timeout=30) as first:
            await first.get(STUBBED)  # waits for the stub's rules, as the first request of a process does
        outcome = await offer(
            running.port, STUBBED, rate=2_000, seconds=0.1, connections=200, headers=["X-Stub-Delay-Ms: 1000"]
        )
    assert set(outcome.counts()) == {404}, "nobody is refused for want of room"
    assert (outcome.broken, outcome.unanswered) == (0, 0)
