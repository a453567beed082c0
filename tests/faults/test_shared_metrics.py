"""Whichever process of a server is scraped, it answers for all; and what a killed one had counted is kept."""

import signal

import httpx

from tests.faults.kit.processes import Server, environment, server

PATIENCE = 30.0
REQUESTS = 60


async def count(url: str, route: str = "/saboteur/fine") -> float:
    """Return how many requests to a route a scrape over a fresh connection tells of."""
    async with httpx.AsyncClient(base_url=url) as client:
        text = (await client.get("/metrics")).text
    name = "http_server_request_duration_seconds_count"
    lines = [line for line in text.splitlines() if line.startswith(name) and f'route="{route}"' in line]
    return sum(float(line.rpartition(" ")[2]) for line in lines)


async def ask(url: str, times: int) -> None:
    """Send requests over a connection each, so that both processes get some."""
    for _ in range(times):
        async with httpx.AsyncClient(base_url=url) as client:
            assert (await client.get("/saboteur/fine")).status_code == 200


async def agree(serving: Server, expected: float) -> None:
    """Wait until ten scrapes in a row, which reach either process, tell the same."""

    async def agreed() -> bool:
        return [await count(serving.url) for _ in range(10)] == [expected] * 10

    await serving.until(agreed, PATIENCE)


async def test_a_scrape_answers_for_every_process_and_no_total_falls(postgres, folder) -> None:
    dsn = await postgres.create_database("shared_metrics")
    environ = environment(dsn, "saboteur.plugin", SERVER="granian")
    async with server(folder, environ, "--workers", "2") as serving:
        await ask(serving.url, REQUESTS)
        await agree(serving, REQUESTS)
        victim = serving.workers()[0]
        victim.send_signal(signal.SIGKILL)

        async def replaced() -> bool:
            return not victim.is_running() and len(serving.workers()) == 2

        await serving.until(replaced, PATIENCE)
        assert await count(serving.url) == REQUESTS
        await ask(serving.url, REQUESTS)
        await agree(serving, 2 * REQUESTS)
