"""Asking about a doctor: who is meant, and as of which day."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.plugins.verification.doctors.forms import (
    ADD,
    BASE,
    READS,
    another_doctor,
    refused,
    register,
)


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
