"""What was learnt the hard way about queues in PostgreSQL stays learnt."""

import asyncio
from datetime import timedelta

import msgspec

from core.jobs import statements
from core.jobs.chores import PRUNE_BATCH
from core.jobs.declare import job
from core.jobs.ledger import Outcome
from tests.jobs.workshop import Workshop


class Nothing(msgspec.Struct):
    pass


@job("shop.nothing")
async def nothing(payload: Nothing) -> None:
    del payload


FILL = """
INSERT INTO core.jobs (id, name, lane, payload, max_attempts, state, run_at, finished_at)
SELECT gen_random_uuid(), 'shop.nothing', 'shop', '{}', 5, $2, now() + $3::interval, now() FROM generate_series(1, $1)
"""


async def test_a_claim_prepared_on_an_empty_analysed_table_uses_the_index_on_a_full_one(shop: Workshop) -> None:
    """Trap 1: a generic plan made while idle drains at 260 jobs a second later."""
    await shop.connection.execute("VACUUM ANALYZE core.jobs")
    async with shop.ledger() as ledger:
        for _ in range(8):
            assert await ledger.claim({"shop": 20}, 20) == []
        await shop.connection.execute(FILL, 20_000, "queued", timedelta(0))
        await shop.connection.execute(FILL, 20_000, "queued", timedelta(days=1))
        before = await scanned(shop)
        assert len(await ledger.claim({"shop": 20}, 20)) == 20
        assert await ledger.connection.fetchval("SHOW plan_cache_mode") == "force_custom_plan"

        async def flushed() -> int:
            await ledger.connection.execute("SELECT pg_stat_force_next_flush()")
            return await scanned(shop) - before

        assert await flushed() < 200


async def scanned(shop: Workshop) -> int:
    """Return how many rows were read from the table, by whatever scan."""
    await shop.connection.execute("SELECT pg_stat_clear_snapshot()")
    rows: int = await shop.connection.fetchval(
        "SELECT coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) FROM pg_stat_user_tables WHERE relname = 'jobs'"
    )
    return rows


async def test_finished_rows_are_pruned_in_batches_and_the_young_stay(shop: Workshop) -> None:
    """Trap 3: the queue must not grow for ever."""
    old_id = (
        "(lpad(to_hex(((extract(epoch FROM now()) - 90000) * 1000 + n)::bigint), 12, '0') || repeat('0', 20))::uuid"
    )
    await shop.connection.execute(
        "INSERT INTO core.jobs (id, name, lane, payload, max_attempts, state, finished_at, key, uniqueness)"
        f" SELECT {old_id}, 'shop.nothing', 'shop', '{{}}', 5, CASE WHEN n = 1 THEN 'dead' ELSE 'done' END,"
        " now() - interval '25 hours', CASE WHEN n = 2 THEN 'kept' END, CASE WHEN n = 2 THEN 'for_ever' END"
        " FROM generate_series(1, $1) n",
        PRUNE_BATCH + 100,
    )
    shop.use(nothing)
    await shop.enqueue(nothing, Nothing())
    await shop.drain()
    async with shop.ledger() as ledger:
        counts = [await ledger.prune(86_400, 30 * 86_400, PRUNE_BATCH) for _ in range(3)]
    assert counts == [PRUNE_BATCH, 98, 0]
    kept = await shop.connection.fetch("SELECT state, key FROM core.jobs ORDER BY id")
    assert [tuple(row) for row in kept] == [("dead", None), ("done", "kept"), ("done", None)]


async def test_a_heartbeat_is_a_heap_only_update(shop: Workshop) -> None:
    """Trap 4: an index on lease_until would have to follow every heartbeat."""
    shop.use(nothing)
    await shop.enqueue(nothing, Nothing())
    async with shop.ledger() as ledger:
        claims = await ledger.claim({"shop": 1}, 1)

        async def heap_only() -> int:
            await ledger.connection.execute("SELECT pg_stat_force_next_flush()")
            await shop.connection.execute("SELECT pg_stat_clear_snapshot()")
            updates: int = await shop.connection.fetchval(
                "SELECT n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'jobs'"
            )
            return updates

        before = await heap_only()
        for _ in range(5):
            await ledger.extend(claims)
        assert await heap_only() == before + 5


async def test_no_job_is_claimed_before_a_slot_is_free(shop: Workshop) -> None:
    """Trap 4: prefetched jobs would burn an attempt in a crash without having run."""
    finish = asyncio.Event()

    @job("shop.wait")
    async def wait(payload: Nothing) -> None:
        del payload
        await finish.wait()

    shop.use(wait)
    for _ in range(10):
        await shop.enqueue(wait, Nothing())
    async with shop.working(concurrency=3):
        await shop.in_state("running", 3)
        assert await shop.connection.fetchval("SELECT sum(attempts) FROM core.jobs") == 3
        finish.set()
        await shop.in_state("done", 10)
    assert await shop.connection.fetchval("SELECT max(attempts) FROM core.jobs") == 1


async def test_only_the_workers_own_connection_commits_without_waiting_for_the_disk(shop: Workshop) -> None:
    """Trap 5: a lost claim is harmless, a lost enqueue or effect is not."""
    async with shop.ledger() as ledger:
        assert await ledger.connection.fetchval("SHOW synchronous_commit") == "off"
    async with shop.units() as uow:
        assert await (await uow.connection()).fetchval("SHOW synchronous_commit") == "on"


async def test_a_claim_that_the_server_forgot_in_a_crash_does_not_double_the_effect(shop: Workshop) -> None:
    """Trap 5: without its claim the row is as before; whoever ran on that claim is fenced off."""
    shop.use(nothing)
    job_id = await shop.enqueue(nothing, Nothing())
    async with shop.ledger() as ledger:
        (lost,) = await ledger.claim({"shop": 1}, 1)
        await shop.connection.execute("UPDATE core.jobs SET state = 'queued', attempts = 0, worker = NULL")
        assert await shop.connection.fetchval(statements.MARK_DONE, lost.id, lost.attempts) is None
        await ledger.settle([Outcome(lost.id, lost.attempts, "done")])
    assert (await shop.row(job_id))["state"] == "queued"


async def test_a_worker_waits_for_no_row_that_another_session_holds(shop: Workshop) -> None:
    shop.use(nothing)
    async with shop.ledger() as ledger:
        await ledger.connection.execute("SET lock_timeout = '1s'")
        for _ in range(3):
            await shop.enqueue(nothing, Nothing())
        done, lost = await ledger.claim({"shop": 2}, 2)
        await ledger.settle([Outcome(done.id, done.attempts, "done")])
        await shop.connection.execute("UPDATE core.jobs SET lease_until = now() WHERE state = 'running'")
        async with shop.connection.transaction():
            await shop.connection.execute("SELECT FROM core.jobs FOR UPDATE")
            assert await ledger.claim({"shop": 9}, 9) == []
            assert await ledger.rescue([]) == []
            assert await ledger.prune(0, 0, 9) == 0
            await ledger.extend([lost])
            await ledger.park({})
        assert len(await ledger.claim({"shop": 9}, 9)) == 1
        assert [rescued[0] for rescued in await ledger.rescue([])] == [lost.id]
        assert await ledger.prune(0, 0, 9) == 1
