"""The jobs and the command of insurance claims run as declared, and demonstration claims can be told apart by state."""

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from core.clock import Clock
from core.jobs.declare import Tick
from core.testing.fakes import SettableClock
from core.testing.migrated import environ_for_tests
from core.unit_of_work import UnitOfWorkFactory
from plugins.verification.insurance import demo, jobs
from plugins.verification.insurance.commands import load_icd
from plugins.verification.settings import Settings

CODES = "code\tbillable\tdescription\nA00\t0\tCholera\n"


async def rows(units: UnitOfWorkFactory, query: str) -> list[tuple[Any, ...]]:
    async with units() as uow:
        return [tuple(row) for row in await (await uow.connection()).fetch(query)]


async def test_the_list_of_codes_is_loaded_in_the_background(
    units: UnitOfWorkFactory, run_jobs: Any, tmp_path: Path
) -> None:
    file = tmp_path / "codes.tsv"
    file.write_text(CODES, encoding="utf-8")
    async with units() as uow:
        await uow.enqueue(jobs.load_icd, jobs.LoadIcd(str(file)))
    await run_jobs()
    assert await rows(units, "SELECT code, billable FROM verification.icd_codes") == [("A00", False)]
    assert await rows(units, "SELECT source, codes FROM verification.icd_releases") == [("codes.tsv", 1)]


async def test_every_scheduled_job_runs_on_an_empty_database(units: UnitOfWorkFactory, clock: SettableClock) -> None:
    tick = Tick(clock.now())
    for job in (jobs.dispatch_notifications, jobs.review_sla):
        async with units() as uow:
            await job(tick, uow=uow, clock=clock)
    async with units() as uow:
        await jobs.expire_credentials(tick, uow=uow, clock=clock, settings=Settings())
    await jobs.mark_stale(tick, units=units, clock=clock)
    assert all(job.name.startswith("verification.") and job.timeout and job.attempts for job in jobs.JOBS)
    assert len({job.name for job in jobs.JOBS}) == len(jobs.JOBS)


async def test_demonstration_claims_stand_on_every_branch_and_are_registered_once(
    units: UnitOfWorkFactory, clock: Clock
) -> None:
    for expected in ("150 claims", "there already"):
        async with units() as uow:
            assert expected in await demo.seed(uow, clock)
    found = await rows(units, "SELECT state, count(*) FROM verification.reviewer_requests GROUP BY state")
    assert sum(count for _, count in found) == demo.CLAIMS
    assert len(found) == 10
    paid = await rows(units, "SELECT status, count(*) FROM verification.payout_requests GROUP BY status")
    assert {status for status, _ in paid} == {"pending", "paid", "zero_paid"}
    assert sum(count for status, count in paid if status != "pending") == 30
    (most,) = await rows(
        units, "SELECT max(paid) FROM (SELECT sum(payout_amount) AS paid FROM verification.payout_requests"
        " GROUP BY policy_number) AS policies",
    )  # fmt: skip
    assert most == (Decimal("20000.00"),)


async def test_the_command_loads_a_list_shows_how_far_it_is_and_refuses_another_file(
    units: UnitOfWorkFactory, database: Any, hexastar_environ: dict[str, str], hexastar_state: Path, tmp_path: Path
) -> None:
    environ = environ_for_tests(database, hexastar_environ, hexastar_state)
    good, bad = tmp_path / "codes.tsv", tmp_path / "bad.tsv"
    good.write_text(CODES, encoding="utf-8")
    bad.write_text("name\nCholera\n", encoding="utf-8")
    loaded = await asyncio.to_thread(CliRunner().invoke, load_icd, ["--file", str(good)], env=environ)
    assert (loaded.exit_code, loaded.stderr.splitlines()[-1]) == (0, "1 of 1 codes"), loaded.output
    assert "1 codes loaded" in loaded.stdout
    assert await rows(units, "SELECT code FROM verification.icd_codes") == [("A00",)]
    refused = await asyncio.to_thread(CliRunner().invoke, load_icd, ["--file", str(bad)], env=environ)
    assert refused.exit_code == 1
    assert "lacks the columns" in refused.stderr
