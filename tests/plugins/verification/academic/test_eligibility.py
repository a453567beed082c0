"""Eligibility: every check told, by the rule in force on that day."""

from datetime import timedelta

import pytest

from tests.plugins.verification.academic.forms import (
    ELIGIBILITY,
    MERIT,
    eligibility_rule,
    get,
    intermediate,
    post,
    record,
    student,
)


async def test_eligibility_tells_every_check_and_what_the_category_changed(admin_client, client):
    await post(admin_client, "students", student(intermediate(marks_obtained=330)))
    grants = {"SPORTS": {"relaxation_percentage_points": 5}}
    rule = eligibility_rule(grants, required_levels=["matric"], min_percentage={"intermediate": 60})
    await post(admin_client, "eligibility-rules", rule)
    answer = await get(client, ELIGIBILITY, student_id="S-1", program="BSCS")
    assert (answer["eligible"], answer["category"], answer["rule_version"]) == (False, "GENERAL", 1)
    assert answer["failed"] == ["required_levels", "min_percentage"]
    assert answer["checks"][1] == {
        "rule": "min_percentage",
        "path": "/requirements/min_percentage/intermediate",
        "required": "60",
        "actual": "59.4594",
        "passed": False,
        "reason": "below_minimum",
    }
    relaxed = await get(client, ELIGIBILITY, student_id="S-1", program="BSCS", category="SPORTS")
    assert relaxed["failed"] == ["required_levels"]
    assert [change["after"] for change in relaxed["relaxations_applied"]] == ["55"]
    unknown = await get(client, ELIGIBILITY, student_id="S-1", program="BSCS", category="MARTIAN")
    assert (unknown["category"], unknown["notes"]) == ("GENERAL", ["category_unknown"])


async def test_a_rule_replaced_decides_from_then_on(admin_client, client):
    await post(admin_client, "students", student())
    await post(admin_client, "eligibility-rules", eligibility_rule(min_percentage={"matric": 99}))
    assert not (await get(client, ELIGIBILITY, student_id="S-1", program="BSCS"))["eligible"]
    await post(admin_client, "eligibility-rules", eligibility_rule(min_percentage={"matric": 50}), 200, upsert="true")
    answer = await get(client, ELIGIBILITY, student_id="S-1", program="BSCS")
    assert (answer["eligible"], answer["rule_version"]) == (True, 2)


async def test_eligibility_is_judged_as_of_a_day(admin_client, client, clock):
    await post(admin_client, "students", student(record(revoked_on="2025-03-01")))
    await post(admin_client, "eligibility-rules", eligibility_rule(required_levels=["matric"]))
    ask = {"student_id": "S-1", "program": "BSCS"}
    assert (await get(client, ELIGIBILITY, **ask, as_of="2025-02-28"))["eligible"]
    assert not (await get(client, ELIGIBILITY, **ask, as_of="2025-03-01"))["eligible"]
    late = (clock.today() + timedelta(days=2)).isoformat()
    assert (await get(client, ELIGIBILITY, 400, **ask, as_of=late))["code"] == "as_of_in_future"


async def test_a_rule_not_in_force_is_not_found(admin_client, client):
    await post(admin_client, "students", student())
    rule = eligibility_rule(min_age=1) | {"effective_from": "2025-01-01", "effective_to": "2025-01-31"}
    await post(admin_client, "eligibility-rules", rule)
    ask = {"student_id": "S-1", "program": "BSCS"}
    assert (await get(client, ELIGIBILITY, 404, **ask, as_of="2025-02-01"))["code"] == "rules_not_found"
    assert (await get(client, ELIGIBILITY, **ask, as_of="2025-01-31"))["eligible"]


@pytest.mark.parametrize("path", [ELIGIBILITY, MERIT])
async def test_unknown_students_and_programs_are_not_found(admin_client, client, path):
    assert (await get(client, path, 404, student_id="S-1", program="BSCS"))["code"] == "student_not_found"
    await post(admin_client, "students", student())
    assert (await get(client, path, 404, student_id="S-1", program="BSCS"))["code"] == "rules_not_found"
