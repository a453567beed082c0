"""The single sources: each answers from its own rows, as of the day."""

from typing import Any

import httpx
import pytest

from tests.plugins.verification.doctors.forms import ACTION, BASE, CASE, a_doctor, ask, refused, register


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
