"""A server is killed along a request with an Idempotency-Key: sent again, the request has had one effect."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from core import failpoints
from core.http.unit_of_work import provide_unit_of_work
from ports.secrets import Secret
from tests.end_to_end.served import free_port
from tests.faults.kit.cluster import Cluster
from tests.faults.kit.jobsite import Jobsite, jobsite
from tests.faults.kit.nursery import Nursery
from tests.faults.kit.processes import Program, command, environment

assert provide_unit_of_work  # loads what registers a failpoint of requests

PLACES = [name for name in failpoints.names() if name.startswith(("request.", "unit_of_work."))]
COMMITTED = {"request.before_response", "unit_of_work.committed"}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Kill at every place, or at one on either side of the commit."""
    if "place" in metafunc.fixturenames:
        brief = ["request.answer_kept", "request.before_response"]
        metafunc.parametrize("place", PLACES if metafunc.config.getoption("full") else brief)


@pytest.fixture(scope="module")
async def migrated(postgres: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Secret:
    dsn = await postgres.create_database("request_kills")
    environ = environment(dsn, "labour.plugin", "leisure.plugin", "metronome.plugin", "tally.plugin")
    code, output = await command(tmp_path_factory.mktemp("requests"), environ, "database", "upgrade")
    assert code == 0, output
    return dsn


@asynccontextmanager
async def serving(site: Jobsite, port: int, **keys: str) -> AsyncIterator[tuple[Program, httpx.AsyncClient]]:
    program = await site.command("tally.plugin", arguments=("run", "--port", str(port)), **keys)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:

        async def ready() -> bool:
            assert program.running, program.output()
            try:
                return (await client.get("/health/live")).status_code == 200
            except httpx.TransportError:
                return False

        await site.until(ready)
        yield program, client
    if program.running:
        await program.kill()


async def test_a_request_that_is_sent_again_after_a_crash_has_had_one_effect(
    nursery: Nursery, migrated: Secret, folder: Path, place: str, figure: Callable[..., None]
) -> None:
    port = free_port()
    label = f"killed at {place}"
    post = {"json": {"label": label}, "headers": {"Idempotency-Key": label}}
    entries = "SELECT count(*) FROM tally.entries WHERE label = $1"
    async with jobsite(nursery, folder, migrated) as site:
        async with serving(site, port, HEXASTAR_FAILPOINT=place) as (doomed, client):
            with pytest.raises(httpx.TransportError):
                await client.post("/api/v1/tally/entries", **post)
            assert await asyncio.wait_for(doomed.ended(), 30) == -signal.SIGKILL
        assert await site.connection.fetchval(entries, label) == (place in COMMITTED)
        async with serving(site, port) as (_, client):
            first = await client.post("/api/v1/tally/entries", **post)
            second = await client.post("/api/v1/tally/entries", **post)
        assert (first.status_code, second.status_code) == (201, 201)
        assert first.content == second.content
        assert second.headers["Idempotent-Replayed"] == "true"
        effects = await site.connection.fetchval(entries, label)
        jobs = "SELECT count(*) FROM core.jobs WHERE payload->>'subject' = $1"
        assert await site.connection.fetchval(jobs, first.json()["id"]) == 1
        assert effects == 1
    figure("G11", f"effects of a request killed at {place}", effects, at_least=1, at_most=1)
