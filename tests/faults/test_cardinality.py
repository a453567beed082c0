"""No caller can make a series of metrics or a name of spans, whatever is invented."""

import asyncio
import itertools
from collections.abc import Iterator
from typing import Any

import httpx

from tests.faults.kit.processes import PATIENCE, environment, server
from tests.peers.otlp import otlp_sink

Asked = tuple[str, str, dict[str, str]]
ADMIN = "the-admin-key-of-this-test"


def series(text: str) -> set[str]:
    """Return the names of the series of a scrape, values left out."""
    return {line.rpartition(" ")[0] for line in text.splitlines() if line and not line.startswith("#")}


def known() -> Iterator[Asked]:
    """Ask once for everything that there is to be told apart, so that what follows could only add inventions."""
    yield "GET", "/", {}
    yield "GET", "/saboteur/fine", {}
    yield "GET", "/saboteur/secret", {"Authorization": "Bearer nobody"}
    yield "GET", "/saboteur/secret", {"X-API-Key": "wrong"}
    yield "GET", "/saboteur/letters/one", {}
    yield "GET", "/nowhere", {}
    yield "PATCH", "/saboteur/fine", {}
    yield "TRACE", "/saboteur/fine", {}
    yield "INVENTED", "/saboteur/fine", {}
    yield "INVENTED", "/nowhere", {}
    yield "GET", "/api/v1/jobs?state=bogus", {"X-API-Key": ADMIN}
    yield "GET", "/api/v1/jobs?state=dead&plugin=one", {"X-API-Key": ADMIN}


def invented(paths: int, methods: int, users: int) -> Iterator[Asked]:
    for number in range(paths):
        path = (f"/{number}/x", f"/saboteur/letters/l{number}", f"/saboteur/p{number}", f"/%0a{number}%1b")[number % 4]
        yield "GET", path, {}
    for number in range(methods):
        yield f"FOO{number}", ("/saboteur/fine", "/nowhere")[number % 2], {}
    for number in range(users):
        yield "GET", "/saboteur/secret", {"Authorization": f"Bearer user-{number}", "X-Request-Id": f"r-{number}"}
        yield "GET", "/saboteur/secret", {"X-API-Key": f"key-{number}"}
        yield "GET", "/saboteur/fine", {"Host": f"host-{number}.example", "User-Agent": f"agent {number}"}
        yield "GET", f"/api/v1/jobs?state=dead&plugin=plugin{number}", {"X-API-Key": ADMIN}


async def ask(client: httpx.AsyncClient, asked: Iterator[Asked]) -> None:
    """Send everything, some at a time."""

    async def some() -> None:
        for method, path, headers in asked:
            await client.request(method, path, headers=headers)

    await asyncio.gather(*(some() for _ in range(8)))


async def test_no_caller_can_make_a_series_or_a_name_of_spans(postgres, folder, full, figure: Any) -> None:
    """Full: 10 000 paths, 300 methods, 1 000 users, keys, hosts and plugins."""
    counts = (10_000, 300, 1_000) if full else (800, 60, 60)
    dsn = await postgres.create_database("cardinality")
    with otlp_sink() as sink:
        environ = environment(dsn, "saboteur.plugin", ADMIN_KEY=ADMIN) | {
            "OTEL_EXPORTER_OTLP_ENDPOINT": sink.endpoint,
            "OTEL_TRACES_SAMPLER": "always_on",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
        }
        async with server(folder, environ) as serving:
            async with httpx.AsyncClient(base_url=serving.url, timeout=PATIENCE) as client:
                await ask(client, itertools.chain(known(), known()))
                await client.get("/metrics")
                before = series((await client.get("/metrics")).text)
                await ask(client, invented(*counts))
                after = series((await client.get("/metrics")).text)
            assert await serving.stop() == 0
        names = {span.name for span in sink.spans()}
    figure("G46", "series that callers made", len(after - before), at_most=0)
    figure("G46", "series in all", len(after))
    figure("G46", "names of spans", len(names))
    assert after - before == set()
    assert not [name for name in names if any(character.isdigit() for character in name.replace("/api/v1", ""))]
    assert len(names) < 30
