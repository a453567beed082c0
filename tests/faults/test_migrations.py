"""Tables change under a running version: nobody waits, nothing is lost, and whoever migrates may be killed."""

import asyncio
import time
from uuid import uuid4

import asyncpg
import httpx
import pytest

from core.testing.waiting import until
from tests.faults.kit.orchard import BROKEN, HEIGHT, KIND_INDEX, QUICK, SLOW, Orchard
from tests.faults.kit.processes import command, server, start_command

PLANTED = """
INSERT INTO orchard.trees (id, number, kind)
SELECT gen_random_uuid(), n, 'oak ' || n % 1000 FROM generate_series({}, {}) n
"""
IN_THE_SLEEP = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(25)' AND datname = current_database()"
VERSION = "SELECT version_num FROM core.alembic_version_orchard"
HALF_MADE = "SELECT NOT indisvalid FROM pg_index WHERE indexrelid = to_regclass('orchard.ix_trees_kind')"
VALID = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'orchard.ix_trees_kind'::regclass"

PATIENCE = 60.0


@pytest.fixture(scope="module")
async def planted(postgres, tmp_path_factory):
    """An orchard of 1 000 trees at its first revision."""
    folder = tmp_path_factory.mktemp("planted")
    orchard = Orchard(folder, await postgres.create_database("planted"))
    await upgraded(folder, orchard)
    await orchard.execute(PLANTED.format(1, 1000))
    return orchard


@pytest.fixture
async def orchard(planted, folder):
    return await planted.copy(folder, f"orchard_{uuid4().hex[:8]}")


async def upgraded(folder, orchard):
    code, output = await command(folder, orchard.environ(), "database", "upgrade")
    assert code == 0, output
    return output


class Load:
    """Requests at a steady rate, each on its own; what each was answered and how long it took."""

    def __init__(self, url, rate):
        self._url = url
        self._rate = rate
        self.failed = []
        self.seconds = []

    async def run(self, stop):
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=50)
        async with (
            httpx.AsyncClient(base_url=self._url, timeout=30, limits=limits) as client,
            asyncio.TaskGroup() as group,
        ):
            number = 0
            while not stop.is_set():
                number += 1
                group.create_task(self._ask(client, number))
                await asyncio.sleep(1 / self._rate)

    async def _ask(self, client, number):
        began = time.monotonic()
        try:
            if number % 2:
                answer = await client.post("/api/v1/orchard/trees", json={"number": -number, "kind": "ash"})
            else:
                answer = await client.get(f"/api/v1/orchard/trees/{1 + number % 1000}")
            if not answer.is_success:
                self.failed.append(answer.text)
        except httpx.TransportError as error:
            self.failed.append(repr(error))
        self.seconds.append(time.monotonic() - began)


async def test_a_table_in_use_grows_a_column_and_an_index_and_no_request_fails(folder, orchard, full, figure):
    rows = 500_000 if full else 50_000
    await orchard.execute(PLANTED.format(1001, rows))
    async with server(folder, orchard.environ(PROFILE="test")) as serving:
        load, stop = Load(serving.url, 50), asyncio.Event()
        loading = asyncio.create_task(load.run(stop))
        await until(lambda: _is_at_least(load, 25), PATIENCE)
        orchard.write(2, HEIGHT)
        orchard.write(3, KIND_INDEX)
        output = await upgraded(folder, orchard)
        answered = len(load.seconds)
        await until(lambda: _is_at_least(load, answered + 50), PATIENCE)
        async with httpx.AsyncClient(base_url=serving.url) as client:
            assert (await client.get("/health/ready")).is_success, "version N - 1 is ready on the tables of N"
        stop.set()
        await loading
    assert "orchard: orchard_0003" in output
    assert await orchard.fetch(VALID)
    assert load.failed == []
    figure("G26", f"requests failed of {len(load.seconds)} while {rows} rows are migrated", len(load.failed), at_most=0)
    figure("G26", f"slowest of {len(load.seconds)} requests meanwhile", max(load.seconds), "s", at_most=2)


async def _is_at_least(load, count):
    return len(load.seconds) >= count


async def test_a_long_transaction_delays_the_migration_and_never_the_application(folder, orchard, full, figure):
    held = 60.0 if full else 6.0
    orchard.write(2, HEIGHT)
    waited = []
    connection = await asyncpg.connect(orchard.dsn.reveal())
    reader = await asyncpg.connect(orchard.dsn.reveal())
    try:
        await connection.execute("BEGIN; UPDATE orchard.trees SET kind = 'held' WHERE number = 1")
        migrating = asyncio.create_task(patiently(folder, orchard.environ(), "database", "upgrade"))
        began = None  # the seconds count from the first wait for the lock, however long the command takes to start
        while began is None or time.monotonic() - began < held:
            assert not migrating.done()
            if began is None and await reader.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                began = time.monotonic()
            asked = time.monotonic()
            assert await reader.fetchval("SELECT kind FROM orchard.trees WHERE number = 2") is not None
            waited.append(time.monotonic() - asked)
            await asyncio.sleep(0.02)
        await connection.execute("COMMIT")
        code, output = await migrating
    finally:
        await connection.close()
        await reader.close()
    assert code == 0, output
    assert "orchard: a table is in use; attempt 2 of 10 in " in output
    assert await orchard.fetch(VERSION) == "orchard_0002"
    attempts = output.count("a table is in use")
    figure("G26", f"longest query while a migration waits {held:.0f} s for its lock", max(waited), "s", at_most=2)
    figure("G26", f"attempts that met the held table in {held:.0f} s", attempts, "", at_most=9)


async def patiently(folder, environ, *arguments):
    """Run a command that waits for others longer than tests usually do."""
    async with start_command(folder, environ, *arguments) as program:
        return await program.ended(180), program.output()


async def test_of_two_migrators_at_once_one_waits_says_so_and_both_end_well(folder, orchard):
    holder = await asyncpg.connect(orchard.dsn.reveal())
    orchard.write(2, HEIGHT)
    orchard.write(3, KIND_INDEX)
    try:
        await holder.execute("BEGIN; SELECT FROM orchard.trees LIMIT 1")  # so that the first is still at it
        both = [asyncio.create_task(command(folder, orchard.environ(), "database", "upgrade")) for _ in range(2)]
        await until(lambda: _one_waits(folder), PATIENCE)
        await holder.execute("COMMIT")
        ended = await asyncio.gather(*both)
    finally:
        await holder.close()
    assert [code for code, _ in ended] == [0, 0], ended
    assert sum("orchard: orchard_0003" in output for _, output in ended) == 1
    assert sum("another migrator is at work: waiting for it" in output for _, output in ended) == 1
    assert await orchard.fetch(VALID)


async def _one_waits(folder):
    return any("another migrator is at work" in file.read_text("utf-8") for file in folder.glob("command-*.log"))


async def test_after_a_migrator_was_killed_the_next_one_completes(folder, orchard, figure):
    orchard.write(2, HEIGHT)
    orchard.write(3, SLOW)
    async with start_command(folder, orchard.environ(), "database", "upgrade") as migrator:
        await until(lambda: _sleeps(orchard, 1), PATIENCE)
        await migrator.kill()
        killed = time.monotonic()
    await until(lambda: _sleeps(orchard, 0), PATIENCE)
    figure("G26", "a killed migrator's statement ends", time.monotonic() - killed, "s", at_most=3)
    assert await orchard.fetch(VERSION) == "orchard_0002", "what was complete stays"
    assert await orchard.fetch("SELECT to_regclass('orchard.half')::text") is None, "what was not is undone"
    orchard.write(3, QUICK)
    assert "another migrator" not in await upgraded(folder, orchard)
    assert await orchard.fetch(VERSION) == "orchard_0003"


async def _sleeps(orchard, count):
    return await orchard.fetch(IN_THE_SLEEP) == count


async def test_an_index_that_a_killed_migrator_left_half_made_is_made_again_and_goes_as_it_came(folder, orchard):
    orchard.write(2, KIND_INDEX)
    holder = await asyncpg.connect(orchard.dsn.reveal())
    await holder.execute("BEGIN; UPDATE orchard.trees SET kind = 'held' WHERE number = 1")
    async with start_command(folder, orchard.environ(), "database", "upgrade") as migrator:
        await until(lambda: _half_made(orchard), PATIENCE)
        await migrator.kill()
    await holder.close()
    await upgraded(folder, orchard)
    assert await orchard.fetch(VALID)
    code, output = await command(folder, orchard.environ(), "database", "downgrade", "orchard")
    assert (code, "orchard: orchard_0002 undone" in output) == (0, True), output
    assert await orchard.fetch("SELECT to_regclass('orchard.ix_trees_kind')::text") is None


async def _half_made(orchard):
    return await orchard.fetch(
        "SELECT NOT indisvalid FROM pg_index WHERE indexrelid = to_regclass('orchard.ix_trees_kind')"
    )


async def test_a_migration_that_fails_in_the_middle_is_undone_and_told_in_one_line(folder, orchard):
    orchard.write(2, HEIGHT)
    orchard.write(3, BROKEN)
    code, output = await command(folder, orchard.environ(), "database", "upgrade")
    assert code == 1
    told = [line for line in output.splitlines() if "Error: the upgrade of 'orchard' to 'head' failed: " in line]
    assert len(told) == 1, output
    assert "division by zero" in told[0]
    assert "Traceback" not in output
    assert await orchard.fetch(VERSION) == "orchard_0002"
    assert await orchard.fetch("SELECT to_regclass('orchard.half')::text") is None


async def test_on_old_tables_a_server_is_not_ready_and_no_worker_works_until_they_are_new(folder, orchard):
    environ = production(orchard)
    orchard.write(2, HEIGHT)
    async with server(folder, environ, wait=False) as serving, httpx.AsyncClient(base_url=serving.url) as client:
        await serving.until(lambda: _answers(client))
        refused = await client.get("/health/ready")
        assert (refused.status_code, refused.json()["code"]) == (503, "not_ready")
        assert refused.json()["detail"] == "Failing: migrations."
        assert "the database is behind" in serving.output()
        assert (await client.get("/health/live")).is_success
        code, output = await command(folder, environ, "workers", "run")
        assert code == 1
        words = "Error: no jobs run on a database that is behind (orchard): run `hexastar database upgrade`"
        assert words in output.splitlines()[-1]
        await upgraded(folder, orchard)
        await serving.ready()


async def _answers(client):
    try:
        return (await client.get("/health/live")).is_success
    except httpx.TransportError:
        return False


def production(orchard):
    """Return the environment of a deployment that does not migrate by itself."""
    return orchard.environ(
        PROFILE="production",
        SECRET_KEY="Zk3vQ8yTn1Lw5RbX7pCe2MdHs6JfGa9U",
        ADMIN_KEY="Yx4uP9zSm2Kv6QcW8oBd3NeIr7HgFt0V",
        PORTS__MAIL="smtp",
        ADAPTERS__MAIL__SMTP__HOST="127.0.0.1",
        ADAPTERS__MAIL__SMTP__SENDER="orchard@example.org",
    )
