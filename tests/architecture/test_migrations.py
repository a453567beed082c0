"""Migrations and models agree, and every history goes down to nothing and up again."""

import asyncio

import pytest

from core.composition import compose
from core.migrations import MIGRATION_LOCK, Migrator
from core.testing.contracts.storage import eventually
from core.testing.database import create_clone, drop_database
from core.testing.migrated import environ_for_tests

WAITING = """
SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database
WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()
"""


@pytest.fixture
async def migrator(postgres_server, hexastar_config, hexastar_environ, tmp_path, worker_id):
    """A migrator over an empty database of its own."""
    name = f"migrations_{worker_id}"
    dsn = await create_clone(postgres_server, "template1", name)
    composition = compose(hexastar_config, environ_for_tests(dsn, hexastar_environ, tmp_path))
    binding = composition.bindings["storage"]
    async with binding.open(binding.settings) as storage:
        yield Migrator(storage, composition.declarations.histories)
    await drop_database(postgres_server, name)


def ignore(_step):
    """Say nothing of steps."""


async def test_from_empty_to_head_the_tables_are_as_the_models_say(migrator):
    assert not await migrator.is_current()
    await migrator.upgrade(ignore)
    assert await migrator.is_current()
    assert await migrator.differences() == {}


async def test_down_to_nothing_and_up_again(migrator):
    await migrator.upgrade(ignore)
    for status in reversed(await migrator.status()):
        await migrator.downgrade(status.owner, "base")
    assert [status.current for status in await migrator.status()] == [None for _ in await migrator.status()]
    await migrator.upgrade(ignore)
    assert await migrator.differences() == {}


async def test_while_another_migrates_a_migrator_waits_and_does_nothing(migrator):
    steps = []
    other = await migrator._storage.connect(application_name="test")
    await other.execute("SELECT pg_advisory_lock($1)", MIGRATION_LOCK)
    waiting = asyncio.create_task(migrator.upgrade(steps.append))
    try:
        await eventually(lambda: other.fetchval(WAITING))
        assert steps == []
    finally:
        await other.close()
        await waiting
    assert await migrator.is_current()


async def test_a_drifted_table_is_told(migrator):
    await migrator.upgrade(ignore)
    connection = await migrator._storage.connect(application_name="test")
    await connection.execute("ALTER TABLE verification.doctors DROP COLUMN specialization")
    await connection.close()
    assert "specialization" in str(await migrator.differences())


async def test_dropping_an_owner_forgets_its_history_and_leaves_the_others(migrator):
    await migrator.upgrade(ignore)
    await migrator.drop("verification")
    statuses = {status.owner: status for status in await migrator.status()}
    assert statuses["verification"].current is None
    assert statuses["core"].is_current
    await migrator.upgrade(ignore)
    assert await migrator.differences() == {}
