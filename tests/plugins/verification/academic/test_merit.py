"""The merit of one student, as its rule says."""

import pytest

from tests.plugins.verification.academic.forms import (
    MERIT,
    eligibility_rule,
    faults,
    get,
    intermediate,
    merit_rule,
    post,
    record,
    student,
)


async def test_the_published_golden_merit(admin_client, client):
    created = await post(admin_client, "students", student())
    tie_break = ["intermediate.percentage", "date_of_birth:asc", "student_id"]
    await post(admin_client, "merit-rules", merit_rule(tie_break=tie_break))
    answer = await get(client, MERIT, student_id="S-1", program="BSCS")
    assert (answer["merit"], answer["scale"], answer["precision"], answer["rounding"]) == (
        "92.6535",
        100,
        4,
        "truncate",
    )
    assert [(part["key"], part["weight"], part["score"]) for part in answer["components"]] == [
        ("matric", "30", "24.5454"),
        ("intermediate", "70", "68.1081"),
    ]
    assert answer["components"][0]["source_record_id"] == created["records"][0]["id"]
    assert answer["tie_break_key"] == ["97.2972", "2005-06-15", "S-1"]
    assert (answer["bonuses"], answer["deductions"], answer["rule_version"]) == ([], [], 1)


async def test_merit_without_explanation_is_the_figure_alone(admin_client, client):
    await post(admin_client, "students", student())
    await post(admin_client, "merit-rules", merit_rule())
    answer = await get(client, MERIT, student_id="S-1", program="BSCS", explain="false")
    assert answer["merit"] == "92.6535"
    assert not {"components", "bonuses", "deductions", "tie_break_key"} & answer.keys()


async def test_a_bonus_goes_by_the_category_asked_for(admin_client, client):
    await post(admin_client, "students", student())
    bonus = {"key": "hafiz", "points": "2", "when": {"category": "HAFIZ"}}
    await post(admin_client, "merit-rules", merit_rule(bonuses=[bonus]))
    answer = await get(client, MERIT, student_id="S-1", program="BSCS", category="HAFIZ")
    assert (answer["merit"], answer["bonuses"]) == ("94.6535", [{"key": "hafiz", "points": "2"}])


async def test_gap_years_are_deducted_as_of_a_day(admin_client, client):
    await post(admin_client, "students", student(record(), intermediate(exam_year=2023)))
    await post(admin_client, "merit-rules", merit_rule(deductions=[{"per_gap_year": "1", "max": "5"}]))
    answer = await get(client, MERIT, student_id="S-1", program="BSCS", as_of="2025-06-01")
    assert answer["merit"] == "90.6535"


async def test_an_awaited_result_is_a_conflict_and_a_missing_one_a_refusal(admin_client, client):
    await post(admin_client, "students", student(record(), intermediate(result="awaited")))
    await post(admin_client, "students", student(record(), student_id="S-2"))
    await post(admin_client, "merit-rules", merit_rule())
    assert (await get(client, MERIT, 409, student_id="S-1", program="BSCS"))["code"] == "result_awaited"
    assert (await get(client, MERIT, 422, student_id="S-2", program="BSCS"))["code"] == "component_missing"


@pytest.mark.parametrize(("policy", "merit"), [("zero", "24.5454"), ("redistribute", "81.8181")])
async def test_a_rule_may_tolerate_what_is_missing(admin_client, client, policy, merit):
    await post(admin_client, "students", student(record(), intermediate(result="awaited")))
    await post(admin_client, "merit-rules", merit_rule(on_missing=policy))
    assert (await get(client, MERIT, student_id="S-1", program="BSCS"))["merit"] == merit


async def test_merit_may_demand_eligibility(admin_client, client):
    await post(admin_client, "students", student())
    await post(admin_client, "merit-rules", merit_rule())
    ask = {"student_id": "S-1", "program": "BSCS", "require_eligible": "true"}
    assert (await get(client, MERIT, 404, **ask))["code"] == "rules_not_found"
    await post(admin_client, "eligibility-rules", eligibility_rule(min_age=99))
    problem = await get(client, MERIT, 422, **ask)
    assert (problem["code"], faults(problem)) == ("not_eligible", [("?student_id", "too_young")])
    await post(admin_client, "eligibility-rules", eligibility_rule(min_age=1), 200, upsert="true")
    assert (await get(client, MERIT, **ask))["merit"] == "92.6535"
