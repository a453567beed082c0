"""Doctors through HTTP: registering them, asking each primary source, and the verdict on the whole."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
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

BASE = "/api/v1/doctors"
ADD = f"{BASE}/admin/add"
READS = (
    "psv/license/status",
    "psv/degree/info",
    "psv/board-cert/info",
    "psv/training/info",
    "psv/employment/info",
    "psv/disciplines/check",
    "psv/malpractice/history",
    "psv/verify",
)
TODAY = date(2026, 1, 5)
COUNT_RECORDS = Query(select(func.count()).select_from(VerificationRequest), int)
STALE_FLAGS = Query(select(VerificationRequest.stale).order_by(VerificationRequest.verified_at), bool)
COUNT_DOCTORS = Query(select(func.count()).select_from(Doctor), int)


@pytest.fixture(autouse=True)
def _on_a_day_in_january(clock: SettableClock) -> None:
    clock.set(datetime(2026, 1, 5, 12, tzinfo=UTC))


def a_doctor(**changes: Any) -> dict[str, Any]:
    """A doctor who passes everything on that day, but for the `changes`; a change to None leaves the field out."""
    body = {
        "doctor_id": "DOC-1",
        "full_name": "Amina Khan",
        "date_of_birth": "1980-02-29",
        "specialization": "Cardiology",
        "npi": "1234567893",
        "npi_status": "A",
        "license_number": "A-100",
        "license_state": "CA",
        "license_status": "active",
        "license_issued_on": "2008-09-01",
        "license_expires_on": "2027-01-01",
        "issuing_board": "Medical Board of California",
        "degrees": [
            {
                "degree_type": "M.B.B.S.",
                "institution": "Aga Khan University",
                "country": "PK",
                "graduated_on": "2008-06-30",
                "verified": True,
            }
        ],
        "board_certifications": [
            {
                "board": "ABIM",
                "specialty": "Cardiology",
                "status": "active",
                "certificate_number": "BC-1",
                "expires_on": "2028-12-31",
            }
        ],
        "trainings": [
            {
                "kind": "residency",
                "institution": "Mayo Clinic",
                "status": "completed",
                "started_on": "2008-07-01",
                "completed_on": "2011-06-30",
            }
        ],
        "employments": [{"employer": "General Hospital", "started_on": "2011-07-01"}],
        **changes,
    }
    return {name: value for name, value in body.items() if value is not None}


def another_doctor(**changes: Any) -> dict[str, Any]:
    """A doctor who shares no identifier with the first."""
    others: dict[str, Any] = {
        "doctor_id": "DOC-2",
        "npi": "1710983663",
        "license_number": "B-200",
        "board_certifications": [],
    }
    return a_doctor(**(others | changes))


ACTION = {
    "action_type": "consent order",
    "severity": "reprimand",
    "authority": "Medical Board of California",
    "case_number": "MB-1",
    "effective_on": "2020-01-01",
    "ended_on": "2021-01-01",
}
CASE = {
    "case_number": "C-1",
    "court": "Superior Court",
    "status": "settled",
    "filed_on": "2021-03-01",
    "closed_on": "2023-03-01",
    "amount_paid": "100000.5",
}


async def register(admin_client: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    answer = await admin_client.post(ADD, json=a_doctor(**changes))
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def ask(client: httpx.AsyncClient, path: str, **query: Any) -> dict[str, Any]:
    answer = await client.get(f"{BASE}/psv/{path}", params={"doctor_id": "DOC-1", **query})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def refused(answer: httpx.Response, status: int, code: str) -> list[tuple[str, str]]:
    """Check the problem document and return pointer and code of each fault."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], problem["code"], problem["type"]) == (status, code, f"/problems/{code}")
    return [(fault["pointer"], fault["code"]) for fault in problem.get("errors", [])]


class TestRegistering:
    async def test_answers_201_with_every_row_and_where_to_verify_it(
        self, admin_client: httpx.AsyncClient, client: httpx.AsyncClient
    ) -> None:
        body = a_doctor(disciplinary_actions=[ACTION], malpractice_cases=[CASE])

        answer = await admin_client.post(ADD, json=body)

        assert answer.status_code == 201
        out = answer.json()
        for section in ("degrees", "board_certifications", "trainings", "employments", "disciplinary_actions"):
            (row,) = out[section]
            assert row["id"]
            assert row.items() >= body[section][0].items()
        assert out["malpractice_cases"][0]["amount_paid"] == "100000.50"
        assert {name: out[name] for name in ("doctor_id", "npi", "date_of_birth", "license_status")} == {
            "doctor_id": "DOC-1",
            "npi": "1234567893",
            "date_of_birth": "1980-02-29",
            "license_status": "active",
        }
        assert (await client.get(answer.headers["location"])).json()["doctor_id"] == "DOC-1"

    async def test_needs_the_scope_of_an_administrator(self, client: httpx.AsyncClient) -> None:
        refused(await client.post(ADD, json=a_doctor()), 401, "authentication_required")

    async def test_with_an_idempotency_key_happens_once_and_is_answered_alike(
        self, admin_client: httpx.AsyncClient, storage: Storage
    ) -> None:
        key = {"Idempotency-Key": "register-doc-1"}

        first = await admin_client.post(ADD, json=a_doctor(), headers=key)
        again = await admin_client.post(ADD, json=a_doctor(), headers=key)
        other = await admin_client.post(ADD, json=another_doctor(), headers=key)

        assert (again.status_code, again.content, again.headers["location"]) == (
            201,
            first.content,
            first.headers["location"],
        )
        assert again.headers["idempotent-replayed"] == "true"
        refused(other, 422, "idempotency_key_reused")
        assert await storage.fetch_one(COUNT_DOCTORS) == 1

    async def test_with_upsert_replaces_everything_but_the_id(
        self, admin_client: httpx.AsyncClient, client: httpx.AsyncClient
    ) -> None:
        first = await register(admin_client, malpractice_cases=[CASE])

        answer = await admin_client.post(ADD, params={"upsert": "true"}, json=a_doctor(full_name="A. Khan", degrees=[]))

        assert answer.status_code == 200
        assert (answer.json()["id"], answer.json()["created_at"]) == (first["id"], first["created_at"])
        assert answer.json()["updated_at"] > first["updated_at"]
        assert (await ask(client, "license/status"))["full_name"] == "A. Khan"
        assert (await ask(client, "degree/info"))["count"] == 0
        assert (await ask(client, "malpractice/history"))["total_cases"] == 0
        assert (await ask(client, "board-cert/info"))["count"] == 1

    async def test_with_upsert_and_nobody_there_registers(self, admin_client: httpx.AsyncClient) -> None:
        assert (await admin_client.post(ADD, params={"upsert": "true"}, json=a_doctor())).status_code == 201

    @pytest.mark.parametrize(
        ("changes", "code", "pointer"),
        [
            ({"doctor_id": "DOC-1"}, "duplicate_doctor_id", "/doctor_id"),
            ({"license_number": "A-100"}, "duplicate_license_number", "/license_number"),
            ({"npi": "1234567893"}, "duplicate_npi", "/npi"),
            (
                {"board_certifications": a_doctor()["board_certifications"]},
                "duplicate_board_certificate",
                "/board_certifications",
            ),
            ({"disciplinary_actions": [ACTION]}, "duplicate_case_number", "/disciplinary_actions"),
            ({"malpractice_cases": [CASE]}, "duplicate_case_number", "/malpractice_cases"),
            ({"degrees": a_doctor()["degrees"] * 2}, "duplicate_degree", "/degrees"),
        ],
    )
    async def test_refuses_what_is_taken_and_leaves_nothing_behind(
        self, admin_client: httpx.AsyncClient, storage: Storage, changes: dict[str, Any], code: str, pointer: str
    ) -> None:
        await register(admin_client, disciplinary_actions=[ACTION], malpractice_cases=[CASE])

        answer = await admin_client.post(ADD, json=another_doctor(**changes))

        assert refused(answer, 409, code) == [(pointer, code)]
        assert await storage.fetch_one(COUNT_DOCTORS) == 1

    async def test_takes_the_same_licence_number_in_another_state(self, admin_client: httpx.AsyncClient) -> None:
        await register(admin_client)

        answer = await admin_client.post(ADD, json=another_doctor(license_number="A-100", license_state="NY"))

        assert answer.status_code == 201

    @pytest.mark.parametrize("distinct", [(), ("doctor_id",), ("doctor_id", "license_number")])
    async def test_of_twenty_at_once_exactly_one_gets_201_and_the_others_409(
        self, admin_client: httpx.AsyncClient, distinct: tuple[str, ...]
    ) -> None:
        bodies = [a_doctor(**dict.fromkeys(distinct, f"X-{number}")) for number in range(20)]

        answers = await asyncio.gather(*(admin_client.post(ADD, json=body) for body in bodies))

        assert sorted(answer.status_code for answer in answers) == [201] + [409] * 19

    async def test_of_many_who_claim_the_same_certificates_in_different_orders_one_gets_201_and_none_is_deadlocked(
        self, admin_client: httpx.AsyncClient
    ) -> None:
        for attempt in range(4):
            certificates = [
                {"board": "B", "specialty": "S", "status": "active", "certificate_number": f"{attempt}-{number:02}"}
                for number in range(100)
            ]
            bodies = [
                a_doctor(
                    doctor_id=f"X-{attempt}-{number}",
                    license_number=f"X-{attempt}-{number}",
                    npi=None,
                    board_certifications=certificates[:: 1 if number % 2 else -1],
                )
                for number in range(8)
            ]

            answers = await asyncio.gather(*(admin_client.post(ADD, json=body) for body in bodies))

            assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7

    async def test_of_many_upserts_at_once_one_registers_and_the_others_replace(
        self, admin_client: httpx.AsyncClient, client: httpx.AsyncClient
    ) -> None:
        query = {"upsert": "true"}

        answers = await asyncio.gather(*(admin_client.post(ADD, params=query, json=a_doctor()) for _ in range(8)))

        assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
        assert (await ask(client, "degree/info"))["count"] == 1

    @pytest.mark.parametrize(
        ("changes", "code", "faults"),
        [
            ({"npi": "1234567890"}, "npi_check_digit", [("/npi", "npi_check_digit")]),
            ({"date_of_birth": "2026-01-05"}, "date_order", [("/date_of_birth", "birth_in_future")]),
            ({"license_issued_on": "2027-01-02"}, "date_order", [("/license_expires_on", "expiry_before_issue")]),
            (
                {
                    "degrees": [
                        {
                            "degree_type": "MD",
                            "institution": "U",
                            "started_on": "2010-01-01",
                            "graduated_on": "2009-01-01",
                        }
                    ]
                },
                "date_order",
                [("/degrees/0/graduated_on", "graduation_before_start")],
            ),
            (
                {"trainings": [{"kind": "residency", "institution": "H", "status": "completed"}]},
                "inconsistent_record",
                [("/trainings/0/completed_on", "completion_date_required")],
            ),
            (
                {"npi": "1234567890", "date_of_birth": "2030-01-01"},
                "unprocessable",
                [("/date_of_birth", "birth_in_future"), ("/npi", "npi_check_digit")],
            ),
        ],
    )
    async def test_refuses_contradictions_with_every_place_named(
        self,
        admin_client: httpx.AsyncClient,
        changes: dict[str, Any],
        code: str,
        faults: list[tuple[str, str]],
    ) -> None:
        answer = await admin_client.post(ADD, json=a_doctor(**changes))

        assert sorted(refused(answer, 422, code)) == faults

    @pytest.mark.parametrize(
        ("changes", "pointer"),
        [
            ({"doctor_id": "' OR 1=1--"}, "/doctor_id"),
            ({"doctor_id": "DOC-1\n"}, "/doctor_id"),
            ({"doctor_id": "x" * 10_000}, "/doctor_id"),
            ({"doctor_id": "\u202edoc"}, "/doctor_id"),
            ({"full_name": "  "}, "/full_name"),
            ({"full_name": "A\tB"}, "/full_name"),
            ({"full_name": "A" * 1_000_000}, "/full_name"),
            ({"npi": "12345678931"}, "/npi"),
            ({"npi": "3234567893"}, "/npi"),
            ({"npi": "１２３４５６７８９３"}, "/npi"),  # noqa: RUF001 - full-width digits are the point
            ({"npi": 1234567893}, "/npi"),
            ({"license_status": "Active"}, "/license_status"),
            ({"degrees": [{"degree_type": "MD", "institution": "U"}] * 101}, "/degrees"),
            ({"malpractice_cases": [CASE | {"amount_paid": "-1"}]}, "/malpractice_cases/0/amount_paid"),
            ({"malpractice_cases": [CASE | {"amount_paid": "1000000000000"}]}, "/malpractice_cases/0/amount_paid"),
        ],
    )
    async def test_refuses_values_that_do_not_fit_where_they_stand(
        self, admin_client: httpx.AsyncClient, changes: dict[str, Any], pointer: str
    ) -> None:
        answer = await admin_client.post(ADD, json=a_doctor(**changes))

        assert answer.status_code == 400
        assert [fault["pointer"] for fault in answer.json()["errors"]] == [pointer]

    @pytest.mark.parametrize("value", ["2026-02-30", "2026-1-5", 1_767_571_200, "05.01.2026"])
    async def test_refuses_what_is_no_date(self, admin_client: httpx.AsyncClient, value: Any) -> None:
        answer = await admin_client.post(ADD, json=a_doctor(date_of_birth=value))

        refused(answer, 400, "invalid_date")

    async def test_refuses_a_field_that_it_does_not_know(self, admin_client: httpx.AsyncClient) -> None:
        answer = await admin_client.post(ADD, json=a_doctor(licence_number="A-1"))

        assert refused(answer, 400, "unknown_field") == [("/licence_number", "unknown_field")]

    async def test_tells_all_faults_of_a_body_together(self, admin_client: httpx.AsyncClient) -> None:
        answer = await admin_client.post(ADD, json=a_doctor(npi="1", license_state="California", full_name=""))

        assert {pointer for pointer, _ in refused(answer, 400, "validation_error")} == {
            "/npi",
            "/license_state",
            "/full_name",
        }

    @pytest.mark.parametrize(
        "body",
        [
            b'{"doctor_id": "DOC-1",}',
            b'{"doctor_id": "DOC-1", "doctor_id": "DOC-2"}',
            b'{"doctor_id": NaN}',
            b'{"full_name": "a\\u0000b"}',
            b'{"full_name": "\\ud800"}',
            b'{"degrees": ' + b"[" * 100 + b"]" * 100 + b"}",
            b"[]",
            b"",
        ],
    )
    async def test_refuses_what_is_not_acceptable_json(self, admin_client: httpx.AsyncClient, body: bytes) -> None:
        answer = await admin_client.post(ADD, content=body, headers={"content-type": "application/json"})

        refused(answer, 400, "malformed_json")

    async def test_refuses_a_body_that_is_too_large(self, admin_client: httpx.AsyncClient) -> None:
        answer = await admin_client.post(ADD, json=a_doctor(full_name="A" * 3_000_000))

        refused(answer, 413, "payload_too_large")


@pytest.mark.parametrize("path", READS)
class TestNamingTheDoctor:
    async def test_needs_an_identifier(self, client: httpx.AsyncClient, path: str) -> None:
        refused(await client.get(f"{BASE}/{path}"), 400, "missing_identifier")
        refused(await client.get(f"{BASE}/{path}", params={"license_state": "CA"}), 400, "missing_identifier")

    async def test_any_identifier_will_do_and_so_will_all(
        self, admin_client: httpx.AsyncClient, client: httpx.AsyncClient, path: str
    ) -> None:
        await register(admin_client)
        await admin_client.post(ADD, json=another_doctor())
        by_license = {"license_number": "A-100", "license_state": "CA"}

        for query in (
            {"doctor_id": "DOC-1"},
            {"npi": "1234567893"},
            {"license_number": "A-100"},
            by_license,
            {"doctor_id": "DOC-1", "npi": "1234567893", **by_license},
        ):
            answer = await client.get(f"{BASE}/{path}", params=query)
            assert (answer.status_code, answer.json()["doctor_id"]) == (200, "DOC-1")

    @pytest.mark.parametrize(
        "query",
        [{"doctor_id": "NOBODY"}, {"npi": "1003000126"}, {"license_number": "A-100", "license_state": "TX"}],
    )
    async def test_whom_nobody_knows_is_not_found(
        self, admin_client: httpx.AsyncClient, client: httpx.AsyncClient, path: str, query: dict[str, str]
    ) -> None:
        await register(admin_client)

        refused(await client.get(f"{BASE}/{path}", params=query), 404, "doctor_not_found")

    @pytest.mark.parametrize(
        "query",
        [
            {"doctor_id": "DOC-1", "npi": "1710983663"},
            {"doctor_id": "DOC-1", "license_number": "B-200"},
            {"doctor_id": "DOC-1", "license_number": "NOBODYS"},
            {"license_number": "SHARED"},
        ],
    )
    async def test_identifiers_that_do_not_name_one_doctor_conflict(
        self, admin_client: httpx.AsyncClient, client: httpx.AsyncClient, path: str, query: dict[str, str]
    ) -> None:
        await register(admin_client)
        await admin_client.post(ADD, json=another_doctor())
        shared = {"npi": None, "license_number": "SHARED", "board_certifications": []}
        await register(admin_client, doctor_id="DOC-3", license_state="NY", **shared)
        await register(admin_client, doctor_id="DOC-4", license_state="TX", **shared)

        refused(await client.get(f"{BASE}/{path}", params=query), 409, "identifier_conflict")

    @pytest.mark.parametrize(
        ("query", "status", "code", "pointer"),
        [
            ({"doctor_id": "' OR 1=1--"}, 400, "validation_error", "?doctor_id"),
            ({"doctor_id": "DOC-1\n"}, 400, "validation_error", "?doctor_id"),
            ({"doctor_id": "x" * 10_000}, 400, "validation_error", "?doctor_id"),
            ({"doctor_id": ""}, 400, "validation_error", "?doctor_id"),
            ({"doctor_id": "\u202edoc"}, 400, "validation_error", "?doctor_id"),
            ({"npi": "123456789312"}, 400, "validation_error", "?npi"),
            ({"npi": "3234567893"}, 400, "validation_error", "?npi"),
            ({"npi": "１２３４５６７８９３"}, 400, "validation_error", "?npi"),  # noqa: RUF001 - the point
            ({"npi": "1234567890"}, 422, "npi_check_digit", "?npi"),
            ({"doctor_id": "D", "as_of": "2026-02-30"}, 400, "invalid_date", "?as_of"),
            ({"doctor_id": "D", "as_of": "2026-1-5"}, 400, "invalid_date", "?as_of"),
            ({"doctor_id": "D", "as_of": "1767571200"}, 400, "invalid_date", "?as_of"),
            ({"doctor_id": "D", "as_of": "2026-01-07"}, 400, "as_of_in_future", "?as_of"),
            ({"licence_number": "A-100"}, 400, "unknown_parameter", "?licence_number"),
        ],
    )
    async def test_refuses_a_question_that_does_not_fit_where_it_does_not(
        self, client: httpx.AsyncClient, path: str, query: dict[str, str], status: int, code: str, pointer: str
    ) -> None:
        answer = await client.get(f"{BASE}/{path}", params=query)

        assert [found for found, _ in refused(answer, status, code)] == [pointer]

    async def test_suggests_the_parameter_that_was_meant(self, client: httpx.AsyncClient, path: str) -> None:
        answer = await client.get(f"{BASE}/{path}", params={"licence_number": "A-100"})

        assert "license_number" in answer.json()["errors"][0]["message"]

    async def test_refuses_a_parameter_given_twice(self, client: httpx.AsyncClient, path: str) -> None:
        answer = await client.get(f"{BASE}/{path}?doctor_id=DOC-1&doctor_id=DOC-2")

        refused(answer, 400, "repeated_parameter")

    async def test_refuses_nul_bytes(self, client: httpx.AsyncClient, path: str) -> None:
        assert (await client.get(f"{BASE}/{path}?doctor_id=a%00b")).status_code == 400

    async def test_asks_about_the_future_only_when_told_to(
        self, admin_client: httpx.AsyncClient, client: httpx.AsyncClient, path: str
    ) -> None:
        await register(admin_client)

        for query in (
            {"as_of": "2026-01-06"},
            {"as_of": "9999-12-31", "allow_future": "true"},
            {"as_of": "0001-01-01"},
        ):
            answer = await client.get(f"{BASE}/{path}", params={"doctor_id": "DOC-1", **query})
            assert (answer.status_code, answer.json()["verification"]["as_of"]) == (200, query["as_of"])

    async def test_carries_its_evidence(
        self, admin_client: httpx.AsyncClient, client: httpx.AsyncClient, path: str
    ) -> None:
        await register(admin_client)

        block = (await client.get(f"{BASE}/{path}", params={"doctor_id": "DOC-1"})).json()["verification"]

        assert block.keys() == {
            *("request_id", "outcome", "source", "source_type", "method", "verified_at", "valid_until"),
            *("stale", "as_of", "processing_ms", "receipt"),
        }
        verified_at, valid_until = (datetime.fromisoformat(block[name]) for name in ("verified_at", "valid_until"))
        assert verified_at == datetime(2026, 1, 5, 12, tzinfo=UTC)
        assert valid_until - verified_at == timedelta(days=120)
        assert (block["as_of"], block["stale"]) == ("2026-01-05", False)
        assert (block["receipt"] is not None) is (path == "psv/verify")  # a decision, and not what a single source says

    async def test_other_methods_are_told_what_is_allowed(
        self, admin_client: httpx.AsyncClient, client: httpx.AsyncClient, path: str
    ) -> None:
        await register(admin_client)

        put, options = await client.put(f"{BASE}/{path}"), await client.options(f"{BASE}/{path}")
        head = await client.head(f"{BASE}/{path}", params={"doctor_id": "DOC-1"})

        assert (put.status_code, options.status_code) == (405, 204)
        assert put.headers["allow"] == options.headers["allow"] == "GET, HEAD, OPTIONS"
        assert (head.status_code, head.content) == (200, b"")


class TestLicense:
    @pytest.mark.parametrize(
        ("changes", "status", "days"),
        [
            ({}, "active", 361),
            ({"license_expires_on": "2026-01-05"}, "active", 0),
            ({"license_expires_on": "2026-01-04"}, "expired", -1),
            ({"license_expires_on": None}, "active", None),
            ({"license_status": "suspended"}, "suspended", 361),
        ],
    )
    async def test_status_is_that_of_the_day(
        self,
        admin_client: httpx.AsyncClient,
        client: httpx.AsyncClient,
        changes: dict[str, Any],
        status: str,
        days: int | None,
    ) -> None:
        body = await register(admin_client, **changes)

        found = await ask(client, "license/status")

        assert (found["status"], found["raw_status"], found["days_to_expiry"]) == (status, body["license_status"], days)
        assert found["is_active"] == (status == "active")

    async def test_tells_restrictions_and_whether_a_board_had_acted_by_that_day(
        self, admin_client: httpx.AsyncClient, client: httpx.AsyncClient
    ) -> None:
        await register(admin_client, disciplinary_actions=[ACTION], license_restrictions=["no surgery"])

        assert (await ask(client, "license/status"))["restrictions"] == ["no surgery"]
        assert (await ask(client, "license/status"))["has_board_action"] is True
        assert (await ask(client, "license/status", as_of="2019-12-31"))["has_board_action"] is False


class TestSingleSources:
    async def test_degrees_are_filtered_by_type_and_part_of_the_institution(
        self, admin_client: httpx.AsyncClient, client: httpx.AsyncClient
    ) -> None:
        await register(admin_client)

        assert (await ask(client, "degree/info", institution="KHAN uni"))["count"] == 1
        assert (await ask(client, "degree/info", degree_type="m.b.b.s."))["count"] == 1
        nothing = await ask(client, "degree/info", degree_type="PhD")
        assert (nothing["count"], nothing["degrees"], nothing["verification"]["outcome"]) == (0, [], "not_found")

    async def test_certificates_show_their_status_of_the_day(
        self, admin_client: httpx.AsyncClient, client: httpx.AsyncClient
    ) -> None:
        await register(admin_client)

        (current,) = (await ask(client, "board-cert/info", board="abim", specialty="cardiology"))["certifications"]
        later = {"as_of": "2029-01-01", "allow_future": "true"}
        (expired,) = (await ask(client, "board-cert/info", **later))["certifications"]

        assert (current["status"], current["is_current"]) == ("active", True)
        assert (expired["status"], expired["is_current"]) == ("expired", False)
        assert (await ask(client, "board-cert/info", current_only="true", **later))["count"] == 0
        assert (await ask(client, "board-cert/info", board="ABFM"))["verification"]["outcome"] == "not_found"

    async def test_training_counts_whole_completed_months(
        self, admin_client: httpx.AsyncClient, client: httpx.AsyncClient
    ) -> None:
        fellowship = {"kind": "fellowship", "institution": "H", "status": "in_progress", "started_on": "2025-01-01"}
        await register(admin_client, trainings=[*a_doctor()["trainings"], fellowship])

        found = await ask(client, "training/info")

        assert [(row["kind"], row["months"]) for row in found["trainings"]] == [("residency", 36), ("fellowship", 12)]
        assert found["total_completed_months"] == 36
        assert (await ask(client, "training/info", kind="internship"))["count"] == 0
        assert (await ask(client, "training/info", as_of="2010-06-30"))["trainings"][0]["status"] == "in_progress"

    async def test_work_history_names_the_gaps_and_what_they_demand(
        self, admin_client: httpx.AsyncClient, client: httpx.AsyncClient
    ) -> None:
        await register(
            admin_client,
            employments=[
                {"employer": "A", "started_on": "2015-01-01", "ended_on": "2022-12-31"},
                {"employer": "B", "started_on": "2024-06-01", "ended_on": "2025-06-01"},
                {"employer": "C", "started_on": "2025-12-01"},
            ],
        )

        found = await ask(client, "employment/info")

        assert found["window"] == {"from": "2021-01-05", "to": "2026-01-05"}
        assert found["gaps"] == [
            {"from": "2023-01-01", "to": "2024-05-31", "days": 517, "action": "written_explanation"},
            {"from": "2025-06-02", "to": "2025-11-30", "days": 182, "action": "clarify"},
        ]
        assert found["covered_days"] == 1827 - 517 - 182
        assert found["coverage_ratio"] == round(found["covered_days"] / 1827, 4)
        assert [row["is_current"] for row in found["employments"]] == [False, False, True]
        assert len((await ask(client, "employment/info", gap_days=200))["gaps"]) == 1
        assert (await ask(client, "employment/info", lookback_years=1))["count"] == 2

    @pytest.mark.parametrize(
        "query",
        [{"lookback_years": 0}, {"lookback_years": 51}, {"gap_days": 0}, {"gap_days": 366}, {"gap_days": "1.5"}],
    )
    async def test_windows_have_limits(self, client: httpx.AsyncClient, query: dict[str, Any]) -> None:
        answer = await client.get(f"{BASE}/psv/employment/info", params={"doctor_id": "DOC-1", **query})

        refused(answer, 400, "validation_error")

    async def test_no_disciplinary_action_is_a_positive_answer(
        self, admin_client: httpx.AsyncClient, client: httpx.AsyncClient
    ) -> None:
        await register(admin_client)

        found = await ask(client, "disciplines/check")

        assert (found["has_actions"], found["has_open_actions"], found["highest_severity"]) == (False, False, None)
        assert found["verification"]["outcome"] == "found"

    async def test_actions_are_open_until_they_end_and_ranked_by_gravity(
        self, admin_client: httpx.AsyncClient, client: httpx.AsyncClient
    ) -> None:
        suspension = {**ACTION, "severity": "suspension", "case_number": "MB-2", "effective_on": "2025-01-01"}
        del suspension["ended_on"]
        await register(admin_client, disciplinary_actions=[suspension, ACTION])

        found = await ask(client, "disciplines/check")
        assert [(row["severity"], row["is_open"]) for row in found["actions"]] == [
            ("reprimand", False),
            ("suspension", True),
        ]
        assert (found["has_open_actions"], found["highest_severity"]) == (True, "suspension")
        assert len((await ask(client, "disciplines/check", include_closed="false"))["actions"]) == 1
        assert len((await ask(client, "disciplines/check", since="2020-01-02"))["actions"]) == 1
        assert (await ask(client, "disciplines/check", as_of="2019-01-01"))["has_actions"] is False

    async def test_malpractice_sums_what_was_paid_within_the_window(
        self, admin_client: httpx.AsyncClient, client: httpx.AsyncClient
    ) -> None:
        old = {**CASE, "case_number": "C-0", "filed_on": "2010-01-01", "closed_on": "2012-01-01"}
        pending = {"case_number": "C-2", "court": "Superior Court", "status": "pending", "filed_on": "2025-06-01"}
        await register(admin_client, malpractice_cases=[CASE, old, pending])

        found = await ask(client, "malpractice/history")

        assert (found["total_cases"], found["pending_cases"], found["paid_cases"]) == (2, 1, 1)
        assert (found["total_paid"], found["currency"]) == ("100000.50", "USD")
        assert (await ask(client, "malpractice/history", lookback_years=20))["total_paid"] == "200001.00"
        assert [
            row["case_number"] for row in (await ask(client, "malpractice/history", status="pending"))["cases"]
        ] == ["C-2"]
        before = await ask(client, "malpractice/history", as_of="2022-01-01")
        assert (before["pending_cases"], before["total_paid"]) == (1, "0.00")


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
