"""Registering students: what is unique, what cannot be true, and every fault named."""

import asyncio
from datetime import timedelta

import pytest

from tests.plugins.verification.academic.forms import (
    ADMIN,
    faults,
    post,
    record,
    student,
)


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
