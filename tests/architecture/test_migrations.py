"""Migrations and models agree, and every history goes down to nothing and up again."""

import asyncio

import pytest

from core.composition import compose
from core.migration_locks import MIGRATION_LOCK
from core.migrations import Migrator
from core.testing.database import create_clone, drop_database
from core.testing.migrated import environ_for_tests
from core.testing.waiting import until

CATALOGUE = """
WITH ours AS (SELECT oid, nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema')
SELECT format('%s.%s %s %s %s %s', nspname, relname, attname, format_type(atttypid, atttypmod), attnotnull,
              pg_get_expr(adbin, adrelid)) AS line
FROM pg_attribute JOIN pg_class c ON c.oid = attrelid JOIN ours ON ours.oid = relnamespace
LEFT JOIN pg_attrdef d ON d.adrelid = attrelid AND d.adnum = attnum WHERE attnum > 0 AND NOT attisdropped
AND relkind IN ('r', 'S')
UNION ALL SELECT format('%s.%s %s', nspname, conname, pg_get_constraintdef(c.oid))
FROM pg_constraint c JOIN ours ON ours.oid = connamespace
UNION ALL SELECT pg_get_indexdef(c.oid) FROM pg_class c JOIN ours ON ours.oid = relnamespace WHERE relkind = 'i'
UNION ALL SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid
JOIN ours ON ours.oid = relnamespace WHERE NOT tgisinternal
UNION ALL SELECT pg_get_functiondef(p.oid) FROM pg_proc p JOIN ours ON ours.oid = pronamespace WHERE prokind = 'f'
UNION ALL SELECT format('%s.%s %s %s', nspname, relname, reloptions, obj_description(c.oid))
FROM pg_class c JOIN ours ON ours.oid = relnamespace WHERE relkind = 'r'
UNION ALL SELECT format('%s comment %s %s', objoid::regclass, attname, description) FROM pg_description
JOIN pg_attribute ON attrelid = objoid AND attnum = objsubid
JOIN pg_class c ON c.oid = objoid JOIN ours ON ours.oid = relnamespace WHERE objsubid > 0
ORDER BY line
"""
"""What the database says about every schema of ours; order of columns within a table apart."""


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


async def catalogue(migrator):
    connection = await migrator._storage.connect(application_name="test")
    try:
        return [row["line"] for row in await connection.fetch(CATALOGUE)]
    finally:
        await connection.close()


async def test_down_to_nothing_and_up_again_the_catalogue_is_the_same(migrator):
    await migrator.upgrade(ignore)
    before = await catalogue(migrator)
    for status in reversed(await migrator.status()):
        await migrator.downgrade(status.owner, "base", ignore)
    assert [status.current for status in await migrator.status()] == [None for _ in await migrator.status()]
    assert [line for line in await catalogue(migrator) if "alembic_version" not in line] == []
    await migrator.upgrade(ignore)
    assert await migrator.differences() == {}
    assert await catalogue(migrator) == before
    assert len(before) > 400


async def test_one_step_down_and_up_again_the_catalogue_is_the_same(migrator):
    await migrator.upgrade(ignore)
    before = await catalogue(migrator)
    for status in reversed(await migrator.status()):
        await migrator.downgrade(status.owner, "-1", ignore)
    assert await migrator.behind()
    await migrator.upgrade(ignore)
    assert await catalogue(migrator) == before


async def test_the_sql_that_is_printed_for_review_makes_the_very_same_tables(migrator):
    connection = await migrator._storage.connect(application_name="test")
    for status in await migrator.status():
        await connection.execute(migrator.sql(status.owner))
    await connection.close()
    assert await migrator.behind() == []
    assert await migrator.differences() == {}


async def test_while_another_migrates_a_migrator_waits_says_so_and_holds_no_snapshot(migrator):
    steps = []
    other = await migrator._storage.connect(application_name="test")
    await other.execute("SELECT pg_advisory_lock($1)", MIGRATION_LOCK)
    waiting = asyncio.create_task(migrator.upgrade(steps.append))
    try:
        await until(lambda: _said(steps))
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
