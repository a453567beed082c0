"""Rules of eligibility and of merit: stored once unless replaced, refused where they contradict themselves."""

import asyncio

import pytest

from tests.plugins.verification.academic.forms import (
    ADMIN,
    eligibility_rule,
    faults,
    merit_rule,
    post,
)


async def test_an_eligibility_rule_is_stored_once_unless_replaced(admin_client):
    first = await post(admin_client, "eligibility-rules", eligibility_rule(min_percentage={"matric": 33.3}))
    assert (first["version"], first["active"]) == (1, True)
    assert first["requirements"] == {"min_percentage": {"matric": "33.3"}}
    problem = await post(admin_client, "eligibility-rules", eligibility_rule(min_age=18), 409)
    assert problem["code"] == "rule_exists"
    second = await post(admin_client, "eligibility-rules", eligibility_rule(min_age=18), 200, upsert="true")
    assert (second["version"], second["id"]) == (2, first["id"])
    assert second["requirements"] == {"min_age": 18}


async def test_a_merit_rule_is_stored_once_unless_replaced(admin_client):
    first = await post(admin_client, "merit-rules", merit_rule({"matric": "30", "intermediate": 70.0}))
    assert (first["version"], first["weightage"]["matric"]) == (1, "30")
    problem = await post(admin_client, "merit-rules", merit_rule(), 409)
    assert problem["code"] == "rule_exists"
    second = await post(admin_client, "merit-rules", merit_rule({"matric": 100}), 200, upsert="true")
    assert (second["version"], second["weightage"]) == (2, {"matric": "100"})


async def test_upserting_a_new_rule_creates_it(admin_client):
    assert (await post(admin_client, "merit-rules", merit_rule(), 201, upsert="true"))["version"] == 1


@pytest.mark.parametrize(
    ("path", "body"), [("eligibility-rules", eligibility_rule(min_age=1)), ("merit-rules", merit_rule())]
)
async def test_of_twenty_parallel_rules_one_wins_and_twenty_replacements_all_count(admin_client, path, body):
    responses = await asyncio.gather(*(admin_client.post(f"{ADMIN}/{path}", json=body) for _ in range(20)))
    assert sorted(response.status_code for response in responses) == [201] + [409] * 19
    replacing = [admin_client.post(f"{ADMIN}/{path}?upsert=true", json=body) for _ in range(20)]
    versions = [response.json()["version"] for response in await asyncio.gather(*replacing)]
    assert sorted(versions) == list(range(2, 22))


@pytest.mark.parametrize(
    ("requirements", "pointer"),
    [
        ({}, "/requirements"),
        ({"min_age": 30, "max_age": 18}, "/requirements/min_age"),
        ({"passing_years": {"min": 2025, "max": 2020}}, "/requirements/passing_years/min"),
        ({"min_percentage": {"matric": 100.5}}, "/requirements/min_percentage/matric"),
    ],
)
async def test_contradictory_eligibility_rules_are_refused_with_a_pointer(admin_client, requirements, pointer):
    problem = await post(admin_client, "eligibility-rules", eligibility_rule(**requirements), 422)
    assert (problem["code"], faults(problem)) == ("invalid_rule", [(pointer, "invalid_rule")])


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        (eligibility_rule(shoe_size=40), "/requirements/shoe_size", "unknown_field"),
        (eligibility_rule(min_age=121), "/requirements/min_age", "validation_error"),
        (eligibility_rule(age_on="2026-2-30"), "/requirements/age_on", "invalid_date"),
        (eligibility_rule({"sports": {}}, min_age=1), "/category_specific/sports", "validation_error"),
        (eligibility_rule(min_age=1) | {"program": "b"}, "/program", "validation_error"),
    ],
)
async def test_misshapen_eligibility_rules_are_refused_with_a_pointer(admin_client, body, pointer, code):
    problem = await post(admin_client, "eligibility-rules", body, 400)
    assert (problem["code"], [fault["pointer"] for fault in problem["errors"]]) == (code, [pointer])


@pytest.mark.parametrize(
    "weightage",
    [
        {"matric": 30, "intermediate": 70.0001},
        {"matric": 99.99},
        {"matric": -10, "intermediate": 110},
        {"matric": "NaN"},
    ],
)
async def test_weights_sum_to_exactly_100(admin_client, weightage):
    problem = await post(admin_client, "merit-rules", merit_rule(weightage), 422)
    assert problem["code"] == "weights_must_sum_to_100"


async def test_empty_weights_are_refused(admin_client):
    problem = await post(admin_client, "merit-rules", {"program": "BSCS", "weightage": {}}, 422)
    assert problem["code"] == "weights_must_sum_to_100"


async def test_a_weight_is_a_number(admin_client):
    problem = await post(admin_client, "merit-rules", merit_rule({"matric": "thirty"}), 400)
    assert [fault["pointer"] for fault in problem["errors"]] == ["/weightage/matric"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (merit_rule({"matric": 50, "MATRIC": 50}), "duplicate_component"),
        (merit_rule({"shoe_size": 100}), "unknown_component"),
        (merit_rule(tie_break=["shoe_size"]), "unknown_tie_break"),
    ],
)
async def test_meaningless_merit_rules_are_refused(admin_client, body, code):
    assert (await post(admin_client, "merit-rules", body, 422))["code"] == code
