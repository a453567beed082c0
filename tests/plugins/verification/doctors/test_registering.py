"""Registering doctors: whole, once, and refused with every fault named."""

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from plugins.verification.doctors.tables import Doctor
from ports.storage import Query, Storage
from tests.plugins.verification.doctors.forms import (
    ACTION,
    ADD,
    CASE,
    a_doctor,
    another_doctor,
    ask,
    refused,
    register,
)

COUNT_DOCTORS = Query(select(func.count()).select_from(Doctor), int)


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
