"""A plugin that fails in every way it can takes nobody along: others serve on, start as agreed, and stop well."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from core.testing.waiting import until
from tests.faults.kit.cluster import Cluster
from tests.faults.kit.processes import PACKAGES, ROOT, Program, at_work, command, environment, server, worker

PATIENCE = 90.0
WAYS = ("error", "key", "number", "group", "cause", "exit", "interrupt", "outrage", "cancel")
HOOKS = (
    "register_routes", "register_jobs", "register_health_checks", "register_authenticators", "register_lifespan",
)  # fmt: skip
OTHERS = "/api/v1/doctors/search"
LEAKS = 20
"""Transactions that are begun and lost: more than there are connections."""


async def states(dsn: Any) -> dict[str, int]:
    connection = await asyncpg.connect(dsn.reveal())
    try:
        rows = await connection.fetch(
            "SELECT state, count(*) FROM core.jobs WHERE name LIKE 'saboteur.%' GROUP BY state"
        )
    finally:
        await connection.close()
    return dict(rows)


async def fine(client: httpx.AsyncClient) -> bool:
    """Whether the others still serve."""
    answers = [await client.get("/saboteur/fine"), await client.get("/health/live")]
    return all(answer.status_code == httpx.codes.OK for answer in answers)


def alive(program: Program, workers: int) -> bool:
    return program.running and len(program.workers()) == workers


async def test_requests_and_jobs_fail_by_themselves(postgres, folder, full) -> None:
    for which in ("uvicorn", "granian") if full else ("uvicorn",):
        place = folder / which
        place.mkdir()
        await fail_by_themselves(postgres, place, which)


async def fail_by_themselves(postgres: Cluster, folder: Path, which: str) -> None:
    dsn = await postgres.create_database(f"isolation_{which}")
    environ = environment(dsn, "saboteur.plugin", "verification", SERVER=which, PLUGINS__SABOTEUR__HEALTH="hang")
    async with server(folder, environ) as serving, worker(folder, environ) as working:
        await at_work(dsn)
        family = {process.pid for process in serving.family()}
        async with httpx.AsyncClient(base_url=serving.url, timeout=20) as client:
            for way in WAYS:
                answer = await client.post("/saboteur/fail", json={"way": way, "words": "9x"})
                assert (answer.status_code, answer.json()["code"]) == (500, "internal_error"), way
                headers = {"Authorization": f"Bearer fail-{way}"}
                assert (await client.get("/saboteur/secret", headers=headers)).status_code == 500, way
                await client.post("/saboteur/jobs/fail", json={"way": way, "words": "9x"})
            assert (await client.post("/saboteur/thread", json={"words": "9x"})).status_code == 500
            assert (await client.post("/saboteur/garbage", json={"words": "9x"})).status_code == 500
            for way in ("task", "callback", "thread", "unraisable", "bad-record"):
                answer = await client.post("/saboteur/aside", json={"way": way, "words": "9x"})
                assert answer.status_code == httpx.codes.CREATED, way
            for _ in range(LEAKS):
                await client.post("/saboteur/leak")
            await client.post("/saboteur/jobs/fail", json={"way": "", "words": "the last one"})
            assert await fine(client)
            ready = await client.get("/health/ready")
            assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
            assert ready.json()["checks"]["sabotage"]["status"] == "fail"
            assert (await client.get(OTHERS, params={"name": "nobody"})).status_code < 500

        async def settled() -> bool:
            found = await states(dsn)
            return found.get("done") == 1 and found.get("dead") == len(WAYS) and len(found) == 2

        await until(settled, PATIENCE, interval=0.05)
        assert {process.pid for process in serving.family()} == family
        assert working.running
        assert await working.stop() == 0
        assert await serving.stop() == 0


@pytest.mark.parametrize("policy", ["stop", "skip"])
async def test_a_hook_that_fails_stops_the_start_or_only_its_plugin(postgres, folder, full, policy) -> None:
    dsn = await postgres.create_database(f"hooks_{policy}")
    for hook in HOOKS if full else HOOKS[:1]:
        environ = environment(
            dsn,
            "saboteur.plugin",
            "verification",
            PLUGINS__ON_FAILURE=policy,
            PLUGINS__SABOTEUR__HOOK=hook,
        )
        if policy == "stop":
            code, output = await command(folder, environ, "run", "--port", "1")
            assert code == 78
            assert f"its hook {hook} failed: RuntimeError: no {hook} today" in output
            continue
        async with server(folder, environ) as serving, httpx.AsyncClient(base_url=serving.url) as client:
            ready = (await client.get("/health/ready")).json()
            assert ready["status"] == "degraded"
            assert ready["checks"]["plugins"]["status"] == "fail"
            assert (await client.get("/saboteur/fine")).status_code == 404
            assert (await client.get(OTHERS, params={"name": "nobody"})).status_code < 500
            assert f"its hook {hook} failed" in serving.output()


async def test_a_stop_that_fails_is_told_and_the_rest_is_closed(postgres, folder, full) -> None:
    for way in ("error", "exit", "outrage") if full else ("exit",):
        dsn = await postgres.create_database(f"stop_{way}")
        environ = environment(dsn, "saboteur.plugin", PLUGINS__SABOTEUR__STOP=way)
        async with worker(folder, environ, name=f"worker-{way}") as working:
            await at_work(dsn)
            code = await working.stop()
        assert code != 0 or way == "exit"
        assert "the stop" in working.output() or "Outrage" in working.output() or "StrayError" in working.output()
        connection = await asyncpg.connect(dsn.reveal())
        try:
            left = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'hexastar%' AND datname = $1"
            assert await connection.fetchval(left, f"stop_{way}") == 0
        finally:
            await connection.close()


WAITING = """
INSERT INTO core.jobs (id, name, lane, payload, max_attempts)
VALUES (gen_random_uuid(), 'saboteur.fail', 'saboteur', '{"way": ""}', 1)
"""
PATHS = f"{ROOT}{os.pathsep}{PACKAGES}"
ABSENT = """
import sys
from app import create_app
app = create_app()
assert not [name for name in sys.modules if name.partition(".")[0] == "saboteur"], "imported"
assert not [route.path for route in app.routes if "saboteur" in route.path], "routed"
assert not [name for name in app.state.composition.jobs if name.name.startswith("saboteur")], "jobs"
print("absent")
"""


async def test_a_plugin_that_is_off_is_not_there(postgres, folder) -> None:
    """No route, no job, no import, no table touched; its jobs wait until it is back."""
    dsn = await postgres.create_database("off")
    on = environment(dsn, "saboteur.plugin", "verification")
    off = environment(dsn, "verification")
    (folder / "plugins.toml").touch()
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ABSENT, cwd=folder, env={**os.environ, **off, "PYTHONPATH": PATHS}, stdout=PIPE
    )
    assert (await program.communicate())[0] == b"absent\n"
    async with worker(folder, on, name="on"):
        await at_work(dsn)
    connection = await asyncpg.connect(dsn.reveal())
    try:
        await connection.execute(WAITING)
    finally:
        await connection.close()
    async with worker(folder, off, name="off") as working:

        async def parked() -> bool:
            return await states(dsn) == {"parked": 1}

        await until(parked, PATIENCE, interval=0.05)
        assert "saboteur" not in working.output()
    async with worker(folder, on, name="back"):

        async def done() -> bool:
            return await states(dsn) == {"done": 1}

        await until(done, PATIENCE, interval=0.05)
