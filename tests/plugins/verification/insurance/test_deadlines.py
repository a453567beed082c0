"""What comes due by itself: credentials that expire are announced, verifications go stale."""

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta

import httpx

from core.testing.fakes import RecordingMail, SettableClock
from core.unit_of_work import UnitOfWork, UnitOfWorkFactory
from plugins.verification.insurance.service import deadlines, dispatch
from plugins.verification.insurance.settings import InsuranceSettings

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)

RunJobs = Callable[..., Awaitable[int]]


async def test_expiring_credentials_are_announced_once_a_threshold(
    admin_client: httpx.AsyncClient,
    mail: RecordingMail,
    units: UnitOfWorkFactory,
    clock: SettableClock,
    run_jobs: RunJobs,
) -> None:
    clock.set(datetime(2026, 5, 1, 2, tzinfo=UTC))
    await _register_doctor(admin_client, expires_on=date(2026, 5, 31), certificate_expires_on=date(2026, 5, 8))
    settings = InsuranceSettings(expiry_recipient="credentialing@example.com")
    for _ in range(2):
        await _in_a_unit(units, lambda uow: deadlines.announce_expiries(uow, clock, settings))
    await _in_a_unit(units, lambda uow: dispatch.dispatch_due(uow, clock))
    await run_jobs()
    assert sorted(message.subject for message in mail.messages) == [
        "D-1: ABIM certificate C-1 expires on 2026-05-08",
        "D-1: licence L-1 expires on 2026-05-31",
    ]
    clock.advance(timedelta(days=23))
    await _in_a_unit(units, lambda uow: deadlines.announce_expiries(uow, clock, settings))
    async with units() as uow:
        keys = await (await uow.connection()).fetch("SELECT dedupe_key FROM verification.notification_requests")
    assert {row["dedupe_key"] for row in keys} == {
        "expiry:D-1:license:2026-05-31:30",
        "expiry:D-1:license:2026-05-31:7",
        "expiry:D-1:board_cert:ABIM:C-1:2026-05-08:7",
    }


async def test_credentials_without_a_number_and_under_probation_are_announced_each_by_name(
    admin_client: httpx.AsyncClient, units: UnitOfWorkFactory, clock: SettableClock
) -> None:
    clock.set(datetime(2026, 5, 1, 2, tzinfo=UTC))
    certificates = [
        {"board": board, "specialty": specialty, "status": "active", "expires_on": "2026-05-31"}
        for board, specialty in (("ABIM", "Cardiology"), ("ABIM", "Oncology"), ("ABMS", "Cardiology"))
    ]
    await _register_doctor(
        admin_client,
        expires_on=date(2026, 5, 31),
        certificate_expires_on=date(2027, 5, 8),
        license_status="probation",
        board_certifications=certificates,
    )
    settings = InsuranceSettings(expiry_recipient="staff@example.com")
    await _in_a_unit(units, lambda uow: deadlines.announce_expiries(uow, clock, settings))
    async with units() as uow:
        rows = await (await uow.connection()).fetch("SELECT subject FROM verification.notification_requests")
    assert {row["subject"] for row in rows} == {
        "D-1: licence L-1 expires on 2026-05-31",
        "D-1: ABIM certificate Cardiology expires on 2026-05-31",
        "D-1: ABIM certificate Oncology expires on 2026-05-31",
        "D-1: ABMS certificate Cardiology expires on 2026-05-31",
    }


async def test_without_a_recipient_nothing_is_announced(
    admin_client: httpx.AsyncClient, units: UnitOfWorkFactory, clock: SettableClock
) -> None:
    clock.set(datetime(2026, 5, 1, 2, tzinfo=UTC))
    await _register_doctor(admin_client, expires_on=date(2026, 5, 31), certificate_expires_on=date(2026, 5, 8))
    await _in_a_unit(units, lambda uow: deadlines.announce_expiries(uow, clock, InsuranceSettings()))
    async with units() as uow:
        assert await (await uow.connection()).fetchval("SELECT count(*) FROM verification.notification_requests") == 0


async def _in_a_unit(units: UnitOfWorkFactory, work: Callable[[UnitOfWork], Awaitable[None]]) -> None:
    async with units() as uow:
        await work(uow)


async def _register_doctor(
    client: httpx.AsyncClient, *, expires_on: date, certificate_expires_on: date, **changes: object
) -> None:
    certificate = {
        "board": "ABIM", "specialty": "Internal medicine", "certificate_number": "C-1", "status": "active",
        "initial_on": "2016-05-08", "expires_on": certificate_expires_on.isoformat(),
    }  # fmt: skip
    doctor = {
        "doctor_id": "D-1", "full_name": "Ana Ruiz", "license_number": "L-1", "license_status": "active",
        "license_issued_on": "2016-05-31", "license_expires_on": expires_on.isoformat(),
        "board_certifications": [certificate],
        **changes,
    }  # fmt: skip
    answer = await client.post("/api/v1/doctors/admin/add", json=doctor)
    assert answer.status_code == 201, answer.text


async def test_verifications_past_their_date_are_marked_stale(
    admin_client: httpx.AsyncClient, units: UnitOfWorkFactory, clock: SettableClock
) -> None:
    clock.set(NOW)
    figures = {"claim_reference": "CLM-1", "approved_amount": "10", "deductible": "0", "policy_limit": "10"}
    await admin_client.post("/api/v1/insurance/admin/payout-request", json=figures)
    await admin_client.post("/api/v1/insurance/payout/process", json={"claim_reference": "CLM-1"})
    for days, stale in ((119, False), (121, True)):
        clock.set(NOW + timedelta(days=days))
        await deadlines.mark_stale(units, clock)
        async with units() as uow:
            connection = await uow.connection()
            assert await connection.fetchval("SELECT stale FROM verification.verification_requests") is stale
