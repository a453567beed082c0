"""Migrations and models agree, and every history goes down to nothing and up again."""

import asyncio

import pytest

from core.composition import compose
from core.migration_locks import MIGRATION_LOCK
from core.migrations import Migrator
from core.testing.contracts.storage import eventually
from core.testing.database import create_clone, drop_database
from core.testing.migrated import environ_for_tests


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
    assert "core" in await migrator.behind()
    await migrator.upgrade(ignore)
    assert await migrator.behind() == []
    assert await migrator.differences() == {}


async def test_down_to_nothing_and_up_again(migrator):
    await migrator.upgrade(ignore)
    for status in reversed(await migrator.status()):
        await migrator.downgrade(status.owner, "base", ignore)
    assert [status.current for status in await migrator.status()] == [None for _ in await migrator.status()]
    await migrator.upgrade(ignore)
    assert await migrator.differences() == {}


async def test_while_another_migrates_a_migrator_waits_says_so_and_holds_no_snapshot(migrator):
    steps = []
    other = await migrator._storage.connect(application_name="test")
    await other.execute("SELECT pg_advisory_lock($1)", MIGRATION_LOCK)
    waiting = asyncio.create_task(migrator.upgrade(steps.append))
    try:
        await eventually(lambda: _said(steps))
        assert steps == ["another migrator is at work: waiting for it"]
        # An index made concurrently waits for every older snapshot; this would be a deadlock with a sleeping waiter.
        await other.execute("CREATE TABLE public.busy (id int); CREATE INDEX plain ON public.busy (id)")
        await other.execute("CREATE INDEX CONCURRENTLY beside ON public.busy (id)")
        assert steps == ["another migrator is at work: waiting for it"]
        await other.execute("DROP TABLE public.busy")
    finally:
        await other.close()
        await waiting
    assert steps[1] == "the other migrator has finished"
    assert await migrator.behind() == []


async def _said(steps):
    return bool(steps)


async def test_nothing_is_done_and_said_where_all_is_done(migrator):
    await migrator.upgrade(ignore)
    steps = []
    await migrator.upgrade(steps.append)
    assert steps == []


async def test_each_revision_that_is_applied_is_told(migrator):
    steps = []
    await migrator.upgrade(steps.append)
    assert steps[:2] == [f"migrating core to {(await migrator.status())[0].head}", "core: core_0001"]


async def test_tables_that_a_newer_version_migrated_are_fit_to_serve_and_left_as_they_are(migrator):
    await migrator.upgrade(ignore)
    connection = await migrator._storage.connect(application_name="test")
    await connection.execute("UPDATE core.alembic_version_verification SET version_num = 'verification_9999'")
    await connection.close()
    steps = []
    assert await migrator.behind() == []
    await migrator.upgrade(steps.append)
    assert steps == ["verification is at verification_9999, which a newer version brought: left as it is"]


async def test_a_drifted_table_is_told(migrator):
    await migrator.upgrade(ignore)
    connection = await migrator._storage.connect(application_name="test")
    await connection.execute("ALTER TABLE verification.doctors DROP COLUMN specialization")
    await connection.close()
    assert "specialization" in str(await migrator.differences())


async def test_dropping_an_owner_forgets_its_history_and_leaves_the_others(migrator):
    await migrator.upgrade(ignore)
    await migrator.drop("verification", ignore)
    statuses = {status.owner: status for status in await migrator.status()}
    assert statuses["verification"].current is None
    assert not statuses["core"].is_behind
    await migrator.upgrade(ignore)
    assert await migrator.differences() == {}
