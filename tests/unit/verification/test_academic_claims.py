"""Claims about a record, masked names, and the outcomes of roll numbers and certificates."""

from datetime import date
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.verification.academic.rules.claims import (
    Claims,
    FieldResults,
    certificate_outcome,
    compare,
    mask_name,
    name_key,
    not_compared,
    roll_number_outcome,
)
from plugins.verification.academic.rules.records import Record

TODAY = date(2026, 1, 5)
BORN = date(2005, 6, 15)
NOTHING_CLAIMED = FieldResults()
CONTRADICTED = FieldResults(name="mismatch")


def record(**changes):
    facts = {
        "id": UUID(int=1),
        "level": "matric",
        "board": "BISE Lahore",
        "exam_year": 2024,
        "roll_number": "1",
        "marks_obtained": Decimal(900),
        "total_marks": Decimal(1100),
        "result": "pass",
    }
    return Record(**{**facts, **changes})


def held(claims, born=BORN):
    return compare(claims, name="Zoë  O'Neil-Khan", date_of_birth=born, marks_obtained=Decimal("900.00"))


def test_what_is_not_claimed_is_not_provided():
    assert held(Claims()) == FieldResults(
        name="not_provided", date_of_birth="not_provided", marks_obtained="not_provided"
    )


@pytest.mark.parametrize(
    "name", ["Zoë O'Neil-Khan", "ZOE ONEIL KHAN", " zoe o\u2019neil khan ", "Zoe\u0308 O'Neil Khan."]
)
def test_names_match_without_case_accents_punctuation_and_spacing(name):
    assert held(Claims(name=name)).name == "match"


@pytest.mark.parametrize("name", ["Zoe Khan", "Khan Zoe O'Neil", "Zoe O'Neill-Khan", ""])
def test_any_other_name_is_a_mismatch(name):
    assert held(Claims(name=name)).name == "mismatch"


def test_each_claim_is_judged_by_itself():
    right = held(Claims(date_of_birth=BORN, marks_obtained=Decimal(900)))
    assert (right.date_of_birth, right.marks_obtained, right.any_mismatch) == ("match", "match", False)
    wrong = held(Claims(date_of_birth=TODAY, marks_obtained=Decimal("900.01")))
    assert (wrong.date_of_birth, wrong.marks_obtained, wrong.any_mismatch) == ("mismatch", "mismatch", True)


def test_a_claimed_birthday_does_not_match_an_unknown_one():
    assert held(Claims(date_of_birth=BORN), born=None).date_of_birth == "mismatch"


def test_claims_without_one_record_to_hold_them_against_are_not_compared():
    assert not_compared(Claims()) == FieldResults()
    everything = Claims(name="x", date_of_birth=BORN, marks_obtained=Decimal(1))
    assert not_compared(everything) == FieldResults(
        name="not_compared", date_of_birth="not_compared", marks_obtained="not_compared"
    )


@given(st.text())
def test_comparing_names_is_idempotent(name):
    assert name_key(name_key(name)) == name_key(name)


@pytest.mark.parametrize(("name", "masked"), [("Ali Khan", "A*** K***"), ("  Zoë ", "Z***"), ("", "")])
def test_a_masked_name_keeps_initials_only(name, masked):
    assert mask_name(name) == masked


@given(st.text(alphabet="abc ", min_size=1), st.text(alphabet="abc ", min_size=1))
def test_masks_do_not_tell_the_length_of_a_word(first, second):
    words = first.split(), second.split()
    if [word[0] for word in words[0]] == [word[0] for word in words[1]]:
        assert mask_name(first) == mask_name(second)


@pytest.mark.parametrize(
    ("records", "results", "outcome"),
    [
        ([record()], NOTHING_CLAIMED, "match"),
        ([record(result="fail")], NOTHING_CLAIMED, "match"),
        ([record()], CONTRADICTED, "mismatch"),
        ([record(result="awaited")], CONTRADICTED, "awaited"),
        ([record(result="awaited", revoked_on=TODAY)], NOTHING_CLAIMED, "revoked"),
        ([record(revoked_on=date(2026, 1, 6))], NOTHING_CLAIMED, "match"),
        ([record(), record(board="FBISE")], NOTHING_CLAIMED, "ambiguous"),
    ],
)
def test_the_outcome_of_a_roll_number(records, results, outcome):
    assert roll_number_outcome(records, results, TODAY) == outcome


@pytest.mark.parametrize(
    ("changes", "results", "outcome"),
    [
        ({}, NOTHING_CLAIMED, "valid"),
        ({}, CONTRADICTED, "mismatch"),
        ({"expires_on": date(2026, 1, 4)}, CONTRADICTED, "expired"),
        ({"expires_on": TODAY}, NOTHING_CLAIMED, "valid"),
        ({"expires_on": date(2026, 1, 4), "revoked_on": TODAY}, NOTHING_CLAIMED, "revoked"),
    ],
)
def test_the_outcome_of_a_certificate(changes, results, outcome):
    assert certificate_outcome(record(**changes), results, TODAY) == outcome
