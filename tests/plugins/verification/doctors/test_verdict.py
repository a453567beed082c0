"""The verdict on the whole, and the record that is kept of it."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import asyncpg
import httpx
import pytest
from litestar import Litestar
from sqlalchemy import func, select

from core.testing.fakes import SettableClock
from plugins.verification.demo import seed_all
from plugins.verification.doctors.demo import DOCTORS
from plugins.verification.doctors.routes import add_doctor, doctor_routes
from plugins.verification.doctors.tables import Doctor
from plugins.verification.evidence.tables import VerificationRequest
from plugins.verification.settings import Settings
from ports.storage import Query, Storage
from tests.plugins.verification.doctors.forms import ADD, BASE, READS, a_doctor, ask, refused, register

COUNT_RECORDS = Query(select(func.count()).select_from(VerificationRequest), int)
STALE_FLAGS = Query(select(VerificationRequest.stale).order_by(VerificationRequest.verified_at), bool)
COUNT_DOCTORS = Query(select(func.count()).select_from(Doctor), int)


class TestVerdict:
    async def test_a_flawless_doctor_is_verified_and_reviewed_again_before_the_licence_expires(
        self, admin_client: httpx.AsyncClient, client: httpx.AsyncClient
    ) -> None:
        await register(admin_client, license_expires_on="2026-03-01")

        found = await ask(client, "verify")

        assert (found["verdict"], found["verified"], found["score"], found["blocking"]) == ("VERIFIED", True, 100, [])
        assert (found["as_of"], found["next_review_due"]) == ("2026-01-05", "2026-03-01")
        assert found["verification"]["source_type"] == "aggregate"
        assert found["rule_set_version"] == "psv-1"

    @pytest.mark.parametrize(
        ("changes", "verdict", "outcome", "blocking"),
        [
            ({"license_status": "revoked", "degrees": []}, "NOT_VERIFIED", "found", ["license", "degree"]),
            ({"license_status": "probation"}, "NEEDS_REVIEW", "needs_review", ["license"]),
            ({"board_certifications": []}, "NEEDS_REVIEW", "needs_review", ["board_cert"]),
            ({"npi": None, "npi_status": None}, "VERIFIED", "found", []),
        ],
    )
    async def test_every_verdict_is_answered_with_200_and_explained(
        self,
        admin_client: httpx.AsyncClient,
        client: httpx.AsyncClient,
        changes: dict[str, Any],
        verdict: str,
        outcome: str,
        blocking: list[str],
    ) -> None:
        await register(admin_client, **changes)

        found = await ask(client, "verify")

        assert (found["verdict"], found["verification"]["outcome"], found["blocking"]) == (verdict, outcome, blocking)
        assert all(found["components"][name]["reasons"] for name in blocking)

    async def test_judges_the_components_asked_for_and_no_others(
        self, admin_client: httpx.AsyncClient, client: httpx.AsyncClient
    ) -> None:
        await register(admin_client, license_status="revoked")

        found = await ask(client, "verify", components="npi,degree")

        assert (found["verdict"], list(found["components"])) == ("VERIFIED", ["degree", "npi"])

    @pytest.mark.parametrize("components", ["licence", "license,", "License", "license, degree"])
    async def test_refuses_a_component_that_it_does_not_know(self, client: httpx.AsyncClient, components: str) -> None:
        answer = await client.get(f"{BASE}/psv/verify", params={"doctor_id": "DOC-1", "components": components})

        assert refused(answer, 400, "validation_error") == [("?components", "unknown_component")]

    async def test_a_board_certificate_is_required_unless_the_request_says_otherwise(
        self, admin_client: httpx.AsyncClient, client: httpx.AsyncClient
    ) -> None:
        await register(admin_client, board_certifications=[])

        found = await ask(client, "verify", require_board_cert="false")

        assert (found["verdict"], found["components"]["board_cert"]["result"]) == ("VERIFIED", "not_applicable")

    async def test_is_a_function_of_the_rows_and_the_day(
        self, admin_client: httpx.AsyncClient, client: httpx.AsyncClient, clock: SettableClock
    ) -> None:
        await register(admin_client)
        first = await ask(client, "verify", as_of="2026-01-05")

        clock.advance(timedelta(days=1000))
        again = await ask(client, "verify", as_of="2026-01-05")

        verdicts = [(a["verdict"], a["score"], a["components"]["license"]["result"]) for a in (first, again)]
        assert verdicts == [("VERIFIED", 100, "pass")] * 2
        assert (await ask(client, "verify"))["verdict"] == "NOT_VERIFIED"


class TestRecord:
    async def test_a_verdict_is_recorded_and_a_single_source_only_where_a_receipt_is_asked_for(
        self, admin_client: httpx.AsyncClient, client: httpx.AsyncClient, storage: Storage
    ) -> None:
        await register(admin_client)

        for path in READS[:-1]:
            await ask(client, path.removeprefix("psv/"))
        assert await storage.fetch_one(COUNT_RECORDS) == 0

        for path in READS[:-1]:
            await ask(client, path.removeprefix("psv/"), receipt="true")
        assert await storage.fetch_one(COUNT_RECORDS) == 7

        await ask(client, "verify")
        assert await storage.fetch_one(COUNT_RECORDS) == 8

    async def test_the_record_says_what_was_asked_and_answered(
        self, admin_client: httpx.AsyncClient, client: httpx.AsyncClient, storage: Storage
    ) -> None:
        await register(admin_client, license_status="probation")

        answer = await ask(client, "verify", components="license")

        connection = await storage.connect(application_name="test")
        try:
            row = await connection.fetchrow("SELECT * FROM verification.verification_requests")
        finally:
            await connection.close()
        assert row is not None
        assert str(row["id"]) == answer["verification"]["request_id"]
        assert (row["kind"], row["subject_type"], row["subject_key"]) == ("psv/verify", "doctor", "DOC-1")
        assert (row["verdict"], row["outcome"], row["client"]) == ("NEEDS_REVIEW", "needs_review", "anonymous")
        assert row["params"]["components"] == ["license"]

    async def test_the_record_is_append_only_but_for_going_stale(
        self, admin_client: httpx.AsyncClient, client: httpx.AsyncClient, storage: Storage
    ) -> None:
        await register(admin_client)
        await ask(client, "verify")

        connection = await storage.connect(application_name="test")
        try:
            for change in (
                "UPDATE verification.verification_requests SET verdict = 'VERIFIED', outcome = 'x'",
                "DELETE FROM verification.verification_requests",
            ):
                with pytest.raises(asyncpg.IntegrityConstraintViolationError):
                    await connection.execute(change)
            done = await connection.execute("UPDATE verification.verification_requests SET stale = true")
            assert done == "UPDATE 1"
        finally:
            await connection.close()


@pytest.mark.parametrize(("open_reads", "access"), [(True, "public"), (False, "verification:read")])
def test_reads_are_open_only_where_the_settings_say_so(open_reads: bool, access: str) -> None:
    assert str(doctor_routes(Settings(open_reads=open_reads)).opt["access"]) == access
    assert str(add_doctor.opt["access"]) == "verification:admin"


def test_production_refuses_open_reads() -> None:
    assert [key for key, _ in Settings().unsafe()] == ["open_reads"]
    assert not list(Settings(open_reads=False).unsafe())


async def test_the_demonstration_holds_every_verdict_and_may_be_repeated(
    app: Litestar, client: httpx.AsyncClient, storage: Storage
) -> None:
    for _ in range(2):
        await seed_all(app.state.services)

    assert await storage.fetch_one(COUNT_DOCTORS) == DOCTORS
    answers = [await ask(client, "verify", doctor_id=f"DOC-{number:04}") for number in range(1, 50)]
    assert {answer["verdict"] for answer in answers} == {"VERIFIED", "NEEDS_REVIEW", "NOT_VERIFIED"}


async def test_replacing_a_doctors_records_makes_older_verdicts_stale(
    admin_client: httpx.AsyncClient, storage: Storage, clock: SettableClock, run_jobs: Callable[[], Awaitable[int]]
) -> None:
    doctor = await register(admin_client)
    await ask(admin_client, "verify", doctor_id=doctor["doctor_id"])
    clock.advance(timedelta(minutes=1))
    await admin_client.post(ADD, json=a_doctor(), params={"upsert": "true"})
    clock.advance(timedelta(minutes=1))
    await ask(admin_client, "verify", doctor_id=doctor["doctor_id"])
    await run_jobs()
    assert await storage.fetch_all(STALE_FLAGS) == [True, False]
