"""Roll numbers and certificates: each claim compared, no more disclosed than asked."""

import pytest

from tests.plugins.verification.academic.forms import CERTIFICATE, ROLL_NUMBER, faults, get, post, record, student


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
