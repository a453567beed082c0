"""Academic admission through HTTP: the seven routes, every refusal of theirs, and races for what is unique."""

import asyncio
from datetime import timedelta
from itertools import count

import pytest
from sqlalchemy import select

from core.auth import PUBLIC, scope
from plugins.verification.academic import demo
from plugins.verification.academic.routes import academic_routes
from plugins.verification.evidence.tables import VerificationRequest
from plugins.verification.settings import Settings
from ports.storage import Query

ADMIN = "/api/v1/academic/admin"
ROLL_NUMBER = "/api/v1/academic/verify/roll-number"
CERTIFICATE = "/api/v1/academic/verify/certificate"
ELIGIBILITY = "/api/v1/academic/check-eligibility"
MERIT = "/api/v1/academic/calculate-merit"

_numbers = count(1)


def record(**changes):
    facts = {
        "level": "matric",
        "board": "BISE Lahore",
        "exam_year": 2023,
        "roll_number": f"R-{next(_numbers)}",
        "marks_obtained": 900,
        "total_marks": "1100",
        "result": "pass",
    }
    return {**facts, **changes}


def intermediate(**changes):
    return record(**{"level": "intermediate", "exam_year": 2025, "marks_obtained": 540, "total_marks": 555, **changes})


def student(*records, **changes):
    facts = {
        "student_id": "S-1",
        "name": "Zoë O'Neil Khan",
        "date_of_birth": "2005-06-15",
        "records": list(records) or [record(), intermediate()],
    }
    return {**facts, **changes}


def eligibility_rule(categories=None, /, **requirements):
    return {"program": "BSCS", "requirements": requirements, "category_specific": categories or {}}


def merit_rule(weightage=None, **options):
    return {"program": "BSCS", "weightage": weightage or {"matric": 30, "intermediate": 70}, "options": options}


async def post(client, path, body, expected=201, **params):
    response = await client.post(f"{ADMIN}/{path}", json=body, params=params)
    assert response.status_code == expected, response.text
    return response.json()


async def get(client, path, expected=200, **params):
    response = await client.get(path, params=params)
    assert response.status_code == expected, response.text
    return response.json()


def faults(problem):
    return [(fault["pointer"], fault["code"]) for fault in problem["errors"]]


# Students


async def test_a_student_is_registered_with_truncated_percentages(admin_client):
    answer = await post(admin_client, "students", student(category="SPORTS"))
    assert (answer["student_id"], answer["category"], answer["date_of_birth"]) == ("S-1", "SPORTS", "2005-06-15")
    assert [held["percentage"] for held in answer["records"]] == ["81.8181", "97.2972"]
    assert all(held["id"] for held in answer["records"])


async def test_registering_students_is_for_admins(client):
    response = await client.post(f"{ADMIN}/students", json=student())
    assert response.status_code == 401


@pytest.mark.parametrize(
    ("second", "code", "pointer"),
    [
        (student(record()), "duplicate_student_id", "/student_id"),
        (
            student(record(), record(certificate_number="C-1"), student_id="S-2"),
            "duplicate_certificate_number",
            "/records/1/certificate_number",
        ),
        (student(record(roll_number="7"), student_id="S-2"), "duplicate_roll_entry", "/records/0/roll_number"),
    ],
)
async def test_what_is_unique_is_refused_the_second_time(admin_client, second, code, pointer):
    await post(admin_client, "students", student(record(roll_number="7", certificate_number="C-1")))
    problem = await post(admin_client, "students", second, 409)
    assert problem["code"] == code
    assert faults(problem) == [(pointer, code)]


async def test_a_refused_student_leaves_nothing_behind(admin_client):
    twice = [record(roll_number="7"), record(roll_number="7")]
    await post(admin_client, "students", student(*twice), 409)
    await post(admin_client, "students", student(twice[0]))


@pytest.mark.parametrize(
    ("bodies", "code"),
    [
        ([student(record(roll_number=f"{n}")) for n in range(20)], "duplicate_student_id"),
        (
            [student(record(roll_number=f"{n}", certificate_number="C-1"), student_id=f"S-{n}") for n in range(20)],
            "duplicate_certificate_number",
        ),
        ([student(record(roll_number="7"), student_id=f"S-{n}") for n in range(20)], "duplicate_roll_entry"),
    ],
)
async def test_of_twenty_parallel_registrations_one_wins(admin_client, bodies, code):
    responses = await asyncio.gather(*(admin_client.post(f"{ADMIN}/students", json=body) for body in bodies))
    assert sorted(response.status_code for response in responses) == [201] + [409] * 19
    assert {response.json()["code"] for response in responses if response.status_code == 409} == {code}


async def test_of_many_who_claim_the_same_certificates_in_different_orders_one_wins_and_none_is_deadlocked(
    admin_client,
):
    certificates = [f"C-{number:02}" for number in range(20)]
    bodies = [
        student(*(record(certificate_number=name) for name in certificates[:: 1 if number % 2 else -1]),
                student_id=f"S-{number}")
        for number in range(8)
    ]  # fmt: skip
    responses = await asyncio.gather(*(admin_client.post(f"{ADMIN}/students", json=body) for body in bodies))
    assert sorted(response.status_code for response in responses) == [201] + [409] * 7
    refused = [response.json()["errors"][0]["pointer"] for response in responses if response.status_code == 409]
    assert set(refused) <= {"/records/0/certificate_number", "/records/19/certificate_number"}


@pytest.mark.parametrize(
    ("bad", "code", "pointer"),
    [
        (record(marks_obtained=1101), "marks_exceed_total", "/records/0/marks_obtained"),
        (record(marks_obtained=0, total_marks=0), "invalid_marks", "/records/0/total_marks"),
        (record(marks_obtained=-1), "invalid_marks", "/records/0/marks_obtained"),
        (record(marks_obtained="NaN"), "invalid_marks", "/records/0/marks_obtained"),
        (record(marks_obtained=0.001), "invalid_marks", "/records/0/marks_obtained"),
        (record(marks_obtained="1e400"), "invalid_marks", "/records/0/marks_obtained"),
        (
            record(subjects={"Art": {"obtained": 1, "total": 2}}),
            "subject_sum_mismatch",
            "/records/0/subjects",
        ),
        (
            record(issued_on="2024-02-02", expires_on="2024-02-01"),
            "date_order",
            "/records/0/expires_on",
        ),
    ],
)
async def test_what_cannot_be_true_is_refused_where_it_stands(admin_client, bad, code, pointer):
    problem = await post(admin_client, "students", student(bad), 422)
    assert (problem["code"], faults(problem)) == (code, [(pointer, code)])


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        (student(record(exam_year="2023")), "validation_error", "/records/0/exam_year"),
        (student(record(exam_year=1949)), "validation_error", "/records/0/exam_year"),
        (student(record(exam_year=9999)), "validation_error", "/records/0/exam_year"),
        (student(record(level="kindergarten")), "validation_error", "/records/0/level"),
        (student(record(marks_obtained="thirty")), "validation_error", "/records/0/marks_obtained"),
        (student(record(colour="red")), "unknown_field", "/records/0/colour"),
        (student(date_of_birth="2005-02-30"), "invalid_date", "/date_of_birth"),
        (student(date_of_birth="2005-6-5"), "invalid_date", "/date_of_birth"),
        (student(student_id="' OR 1=1--"), "validation_error", "/student_id"),
        (student(student_id="S" * 65), "validation_error", "/student_id"),
        (student(student_id="S-1\n"), "validation_error", "/student_id"),
        (student(category="sports"), "validation_error", "/category"),
        (student(name=" "), "validation_error", "/name"),
        (student(*(record() for _ in range(21))), "validation_error", "/records"),
        (student() | {"records": []}, "validation_error", "/records"),
    ],
)
async def test_what_does_not_fit_the_schema_is_refused_with_its_place(admin_client, body, code, pointer):
    problem = await post(admin_client, "students", body, 400)
    assert problem["code"] == code
    assert [fault["pointer"] for fault in problem["errors"]] == [pointer]


async def test_all_faults_of_a_student_are_reported_together(admin_client):
    body = student(record(marks_obtained=-1), record(marks_obtained=9999))
    problem = await post(admin_client, "students", body, 422)
    assert faults(problem) == [
        ("/records/0/marks_obtained", "invalid_marks"),
        ("/records/1/marks_obtained", "marks_exceed_total"),
    ]


async def test_nobody_is_born_in_the_future(admin_client, clock):
    tomorrow = clock.today() + timedelta(days=1)
    problem = await post(admin_client, "students", student(date_of_birth=tomorrow.isoformat()), 422)
    assert problem["code"] == "date_order"


# Rules


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


# Roll numbers and certificates


async def test_a_roll_number_is_verified_with_each_claim_compared(admin_client, client):
    await post(admin_client, "students", student(record(roll_number="7")))
    answer = await get(
        client, ROLL_NUMBER, roll_number="7", name="ZOE ONEIL KHAN", date_of_birth="2005-06-15", marks_obtained="900.0"
    )
    assert (answer["verified"], answer["outcome"], answer["match_count"]) == (True, "match", 1)
    assert answer["field_results"] == {"name": "match", "date_of_birth": "match", "marks_obtained": "match"}
    assert answer["student"] == {"name": "Zoë O'Neil Khan"}
    assert (answer["record"]["marks_obtained"], answer["record"]["percentage"]) == ("900.00", "81.8181")
    assert answer["verification"]["outcome"] == "found"
    assert answer["verification"]["receipt"].startswith("eyJ")


@pytest.mark.parametrize(
    ("path", "subject"), [(ROLL_NUMBER, {"roll_number": "7"}), (CERTIFICATE, {"certificate_number": "C-7"})]
)
async def test_which_claims_were_made_is_kept_and_what_they_said_is_not(admin_client, client, units, path, subject):
    await post(admin_client, "students", student(record(roll_number="7", certificate_number="C-7")))
    await get(client, path, **subject, name="Somebody Else", date_of_birth="1999-12-31")
    async with units() as uow:
        connection = await uow.connection()
        kept = await connection.fetchrow("SELECT * FROM verification.verification_requests")
    assert sorted(kept["params"]["claims"]) == ["date_of_birth", "name"]
    assert "Somebody" not in str(dict(kept))
    assert "1999" not in str(dict(kept))


async def test_a_mismatch_is_named_and_the_name_stays_masked(admin_client, client):
    await post(admin_client, "students", student(record(roll_number="7")))
    answer = await get(client, ROLL_NUMBER, roll_number="7", name="Somebody Else")
    assert (answer["verified"], answer["outcome"]) == (False, "mismatch")
    assert answer["field_results"]["name"] == "mismatch"
    assert answer["student"] == {"name_masked": "Z*** O*** K***"}


async def test_an_ambiguous_roll_number_discloses_no_marks(admin_client, client):
    boards = ["BISE Lahore", "BISE Karachi", "FBISE"]
    for number, board in enumerate(boards):
        await post(admin_client, "students", student(record(roll_number="7", board=board), student_id=f"S-{number}"))
    response = await client.get(ROLL_NUMBER, params={"roll_number": "7", "name": "Zoë O'Neil Khan"})
    answer = response.json()
    assert (response.status_code, answer["verified"], answer["outcome"]) == (200, False, "ambiguous")
    assert answer["match_count"] == 3
    assert {match["board"] for match in answer["matches"]} == set(boards)
    assert answer["field_results"]["name"] == "not_compared"
    assert "marks" not in response.text.replace('"marks_obtained":"not_provided"', "")
    assert "Zo" not in response.text
    assert answer["verification"]["outcome"] == "needs_review"
    narrowed = await get(client, ROLL_NUMBER, roll_number="7", board="fbise", exam_year=2023, level="matric")
    assert narrowed["outcome"] == "match"


async def test_an_awaited_or_revoked_record_is_not_verified(admin_client, client):
    revoked = record(roll_number="8", revoked_on="2024-01-01", revoked_reason="Altered marks")
    await post(admin_client, "students", student(record(roll_number="7", result="awaited"), revoked))
    assert (await get(client, ROLL_NUMBER, roll_number="7"))["outcome"] == "awaited"
    answer = await get(client, ROLL_NUMBER, roll_number="8")
    assert (answer["verified"], answer["outcome"]) == (False, "revoked")
    assert answer["record"]["revoked_reason"] == "Altered marks"


@pytest.mark.parametrize(
    ("changes", "claims", "outcome", "verified"),
    [
        ({}, {}, "valid", True),
        ({}, {"marks_obtained": "901"}, "mismatch", False),
        ({"expires_on": "2024-01-01"}, {}, "expired", False),
        ({"revoked_on": "2024-01-01", "revoked_reason": "Altered marks"}, {}, "revoked", False),
    ],
)
async def test_a_certificate_is_answered_200_whatever_the_verdict(
    admin_client, client, changes, claims, outcome, verified
):
    await post(admin_client, "students", student(record(certificate_number="C-1", **changes)))
    answer = await get(client, CERTIFICATE, certificate_number="C-1", **claims)
    assert (answer["outcome"], answer["verified"]) == (outcome, verified)
    assert answer["revoked_on"] == changes.get("revoked_on")
    assert answer["revoked_reason"] == changes.get("revoked_reason")
    assert answer["student"] == {"name_masked": "Z*** O*** K***"}


@pytest.mark.parametrize(
    ("path", "parameter", "code"),
    [
        (ROLL_NUMBER, "roll_number", "roll_number_not_found"),
        (CERTIFICATE, "certificate_number", "certificate_not_found"),
    ],
)
async def test_what_nobody_has_recorded_is_not_found(client, path, parameter, code):
    problem = await get(client, path, 404, **{parameter: "none"})
    assert (problem["code"], faults(problem)) == (code, [(f"?{parameter}", code)])


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "validation_error"),
        ("roll_number=7&rol_number=7", "unknown_parameter"),
        ("roll_number=7&roll_number=8", "repeated_parameter"),
        ("roll_number=" + "7" * 65, "validation_error"),
        ("roll_number=7%00", "validation_error"),
        ("roll_number=7&level=kindergarten", "validation_error"),
        ("roll_number=7&date_of_birth=2005-2-30", "invalid_date"),
        ("roll_number=7&exam_year=99999999999", "validation_error"),
        *[
            (f"roll_number=7&marks_obtained={marks}", "validation_error")
            for marks in ("many", "-1", "1e400", "NaN", "sNaN", "Infinity", "1_0", "540.505", "%D9%A9", "1000000", "")
        ],
    ],
)
async def test_bad_queries_are_refused(admin_client, client, query, code):
    await post(admin_client, "students", student(record(roll_number="7")))
    response = await client.get(f"{ROLL_NUMBER}?{query}")
    assert response.status_code == 400
    if code != "validation_error":
        assert response.json()["code"] == code


# Eligibility


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


# Merit


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


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
async def test_other_methods_are_refused_with_the_allowed_ones(client, method):
    response = await client.request(method, MERIT)
    assert response.status_code == 405
    assert "GET" in response.headers["allow"]


# Evidence, access, and what the framework promises for every route

KINDS = Query(select(VerificationRequest.kind).order_by(VerificationRequest.id), into=str)
VERDICTS = Query(select(VerificationRequest.verdict).order_by(VerificationRequest.id), into=str)
SUPERSEDED = "SELECT superseded FROM verification.{} WHERE program = 'BSCS'"


async def test_every_decision_is_recorded_with_its_verdict(admin_client, client, storage):
    await post(admin_client, "students", student(record(roll_number="7", certificate_number="C-1"), intermediate()))
    await post(admin_client, "eligibility-rules", eligibility_rule(min_age=99))
    await post(admin_client, "merit-rules", merit_rule())
    assert await storage.fetch_all(KINDS) == []
    await get(client, ROLL_NUMBER, roll_number="7")
    await get(client, CERTIFICATE, certificate_number="C-1")
    await get(client, ELIGIBILITY, student_id="S-1", program="BSCS")
    answer = await get(client, MERIT, student_id="S-1", program="BSCS")
    assert await storage.fetch_all(KINDS) == [
        "academic.roll_number",
        "academic.certificate",
        "academic.eligibility",
        "academic.merit",
    ]
    assert await storage.fetch_all(VERDICTS) == ["match", "valid", "not_eligible", "92.6535"]
    assert answer["verification"]["request_id"]


async def test_a_refused_question_leaves_no_record(client, storage):
    await get(client, MERIT, 404, student_id="S-1", program="BSCS")
    assert await storage.fetch_all(KINDS) == []


@pytest.mark.parametrize(
    ("path", "table", "first", "second", "part"),
    [
        ("merit-rules", "merit_rules", merit_rule(), merit_rule({"matric": 100}), "weightage"),
        ("eligibility-rules", "eligibility_rules", eligibility_rule(min_age=1), eligibility_rule(min_age=2), "rule"),
    ],
)
async def test_what_a_rule_replaced_is_kept(admin_client, storage, path, table, first, second, part):
    await post(admin_client, path, first)
    await post(admin_client, path, second, 200, upsert="true")
    connection = await storage.connect(application_name="hexastar-test")
    try:
        history = await connection.fetchval(SUPERSEDED.format(table))
    finally:
        await connection.close()
    assert [kept["version"] for kept in history] == [1]
    assert history[0][part] in ({"matric": "30", "intermediate": "70"}, {"min_age": 1})


async def test_a_repeated_registration_with_its_key_is_answered_again(admin_client):
    body = student()
    answers = [
        await admin_client.post(f"{ADMIN}/students", json=body, headers={"Idempotency-Key": "once"}) for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].content == answers[1].content


@pytest.mark.parametrize(("open_reads", "access"), [(True, PUBLIC), (False, scope("verification:read"))])
def test_reads_are_open_exactly_where_the_settings_say_so(open_reads, access):
    routes = academic_routes(Settings(open_reads=open_reads))
    assert routes.opt["access"] == access


async def test_head_and_options_are_answered(admin_client, client):
    await post(admin_client, "students", student())
    await post(admin_client, "merit-rules", merit_rule())
    head = await client.head(MERIT, params={"student_id": "S-1", "program": "BSCS"})
    assert (head.status_code, head.content) == (200, b"")
    options = await client.options(MERIT)
    assert options.status_code == 204
    assert "GET" in options.headers["allow"]


async def test_the_demonstration_may_be_seeded_twice(application, units, client, clock):
    for _ in range(2):
        async with units() as uow:
            assert "300 students" in await demo.seed(uow, clock)
    answer = await get(client, MERIT, student_id="S-0001", program="BSCS")
    assert answer["rule_version"] == 1


# The merit list

MERIT_LIST = "/api/v1/academic/merit-list"


async def test_a_merit_list_is_ranked_over_all_pages_with_ties_sharing_a_rank(admin_client, client):
    await post(admin_client, "merit-rules", merit_rule({"matric": 100}, tie_break=["matric.percentage"]))
    for number, marks in enumerate([700, 900, 800, 900, 600]):
        await post(admin_client, "students", student(record(marks_obtained=marks), student_id=f"S-{number}"))
    await post(admin_client, "students", student(record(result="awaited"), student_id="S-9"))
    lines, cursor = [], {}
    while True:
        response = await client.get(MERIT_LIST, params={"program": "BSCS", "limit": 2, **cursor})
        answer = response.json()
        assert response.status_code == 200, response.text
        lines += answer["data"]
        if not answer["page"]["has_more"]:
            break
        assert 'rel="next"' in response.headers["link"]
        cursor = {"cursor": answer["page"]["next_cursor"]}
    assert [(line["rank"], line["student_id"]) for line in lines] == [
        (1, "S-1"),
        (1, "S-3"),
        (2, "S-2"),
        (3, "S-0"),
        (4, "S-4"),
    ]
    assert (lines[0]["merit"], lines[0]["tie_break_key"]) == ("81.8181", ["81.8181"])


async def test_a_merit_list_may_be_of_one_category(admin_client, client):
    await post(admin_client, "merit-rules", merit_rule({"matric": 100}))
    await post(admin_client, "students", student(record()))
    await post(admin_client, "students", student(record(), student_id="S-2", category="SPORTS"))
    answer = await get(client, MERIT_LIST, program="BSCS", category="SPORTS")
    assert [line["student_id"] for line in answer["data"]] == ["S-2"]


async def test_a_cursor_holds_for_one_list_under_one_version_of_its_rule(admin_client, client):
    await post(admin_client, "merit-rules", merit_rule({"matric": 100}))
    for number in range(2):
        await post(admin_client, "students", student(record(), student_id=f"S-{number}"))
    answer = await get(client, MERIT_LIST, program="BSCS", limit=1)
    ask = {"program": "BSCS", "limit": 1, "cursor": answer["page"]["next_cursor"]}
    assert len((await get(client, MERIT_LIST, **ask))["data"]) == 1
    assert (await get(client, MERIT_LIST, 400, **ask, category="SPORTS"))["code"] == "invalid_cursor"
    await post(admin_client, "merit-rules", merit_rule({"matric": 100}), 200, upsert="true")
    assert (await get(client, MERIT_LIST, 400, **ask))["code"] == "invalid_cursor"


async def test_a_program_without_a_rule_has_no_merit_list(client):
    assert (await get(client, MERIT_LIST, 404, program="BSCS"))["code"] == "rules_not_found"


async def test_every_route_is_documented(client):
    document = (await client.get("/schema/openapi.json")).json()
    documented = [path for path in document["paths"] if path.startswith("/api/v1/academic/")]
    assert len(documented) == 8
    assert document["components"]["schemas"]["EligibilityRule"]["required"] == ["program", "requirements"]
