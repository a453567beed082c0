"""The rules judge what registries, boards and insurers really published: NPPES, ICD-10-CM, UCI's students, claims.

The sets lie beside the project and are described there; what each says of itself (counts, official totals) is asserted
before it is used, so that a truncated file fails instead of passing for lack of rows.
"""

import csv
import gzip
from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Final
from uuid import UUID

import httpx
import msgspec
import pytest

from core.clock import SystemClock
from core.unit_of_work import UnitOfWorkFactory
from plugins.verification.academic.rules.merit import Contender, Mark
from plugins.verification.academic.rules.merit_list import MeritList
from plugins.verification.academic.rules.merit_rule import MeritRule
from plugins.verification.doctors.rules.credentials import judge_npi
from plugins.verification.doctors.rules.dossier import Dossier
from plugins.verification.doctors.rules.npi import is_valid_npi
from plugins.verification.doctors.rules.policy import Policy
from plugins.verification.insurance.rules import icd, payout
from plugins.verification.insurance.rules.payout import Terms
from plugins.verification.insurance.service import icd as lists
from plugins.verification.insurance.service.icd import ListedCode

DATA: Final = Path(__file__).parents[4] / "shared/data/verification"
FY2019: Final = DATA / "icd10cm2019/icd10cm2019.tsv.gz"

pytestmark = pytest.mark.skipif(not DATA.exists(), reason="the shared data sets are not here")


def rows_of(file: str) -> list[dict[str, str]]:
    with (DATA / file).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


# NPPES: organisations, secondary locations and other names


@pytest.mark.parametrize(
    ("file", "rows"),
    [("nppes/organisations.csv", 873), ("nppes/secondary_locations.csv", 4529), ("nppes/othernames.csv", 1167)],
)
def test_every_npi_of_the_registry_carries_its_check_digit_and_no_other(file: str, rows: int) -> None:
    numbers = [row["NPI"] for row in rows_of(file)]
    assert len(numbers) == rows
    assert all(map(is_valid_npi, numbers))
    for number in set(numbers):
        others = (f"{number[:-1]}{digit}" for digit in "0123456789" if digit != number[-1])
        assert not any(map(is_valid_npi, others))


def test_an_npi_that_the_registry_had_deactivated_is_well_formed_and_fails_until_it_is_active_again() -> None:
    deactivated = [row for row in rows_of("nppes/organisations.csv") if row["NPI Deactivation Date"]]
    assert len(deactivated) == 3
    for row in deactivated:
        assert row["NPI Reactivation Date"]
        findings = [
            judge_npi(
                Dossier(
                    id=UUID(int=1), doctor_id="D", full_name="A", license_number="L-1", license_status="active",
                    npi=row["NPI"], npi_status=status,
                ),
                SystemClock().today(),
                Policy(),
            )
            for status in ("D", "A")
        ]  # fmt: skip
        assert [(finding.result, finding.reasons) for finding in findings] == [
            ("fail", ("npi_deactivated",)),
            ("pass", ()),
        ]


# ICD-10-CM: the fiscal year 2019 and the edition of the installed package, which constraints.txt pins


@cache
def codes_of_2019() -> dict[str, tuple[bool, str]]:
    """Return whether each code is billable, and its description."""
    lines = gzip.decompress(FY2019.read_bytes()).decode().splitlines()[1:]
    cells = (line.split("\t") for line in lines)
    return {icd.normalise(code): (billable == "1", long) for code, billable, _, long, _ in cells}


@cache
def packaged() -> dict[str, ListedCode]:
    pytest.importorskip(lists.PACKAGE)
    return {listed.code: listed for listed in lists.packaged_codes()}


def headings(code: str) -> Iterator[str]:
    """Yield what a code is listed under, nearest first, down to its category of three characters."""
    characters = code.replace(".", "")
    return (icd.normalise(characters[:end]) for end in range(len(characters) - 1, 2, -1))


def nearest(code: str, edition: Mapping[str, object]) -> str | None:
    return next((heading for heading in headings(code) if heading in edition), None)


def test_every_code_of_2019_is_well_formed_and_only_headings_end_in_the_placeholder() -> None:
    doubtful = {code: warnings for code in codes_of_2019() if (warnings := icd.parse(code).warnings)}
    billable = [code for code, (is_billable, _) in codes_of_2019().items() if is_billable]
    assert (len(codes_of_2019()), len(billable)) == (94_444, 71_932)
    assert set(doubtful.values()) == {(icd.PLACEHOLDER_LAST,)}
    assert not doubtful.keys() & set(billable)


def test_every_code_of_the_installed_edition_is_well_formed_and_loads_with_its_synonyms() -> None:
    listed = packaged()
    assert [code for code in listed if icd.LOOSE_FORM in icd.parse(code).warnings] == []
    assert [code for code in listed if listed[code].billable and icd.parse(code).warnings] == []
    assert (listed["E11.9"].billable, listed["E11"].billable, listed["I10"].chapter) == (True, False, "9")
    assert "high blood pressure" in listed["I10"].synonyms


def test_a_code_that_the_installed_edition_lacks_was_redrawn_merged_or_retired_and_its_category_lives_on() -> None:
    old, new = codes_of_2019(), packaged()
    gone, added = old.keys() - new.keys(), new.keys() - old.keys()
    redrawn_headings = {nearest(code, new) for code in added}

    def fate(code: str) -> str:
        heading = nearest(code, new)
        assert heading is not None, f"the whole category of {code} is gone"
        if new[heading].billable:
            return "merged into its heading"
        return "redrawn under its heading" if heading in redrawn_headings else "retired"

    assert Counter(map(fate, gone)) == {
        "redrawn under its heading": 319,  # say S30.1XXA, contusion of abdominal wall, by its quarters
        "merged into its heading": 4,  # H81.41 to H81.49, central vertigo by ear
        "retired": 1,  # Q51.20, other doubling of uterus, unspecified
    }


def test_a_code_that_the_installed_edition_has_in_addition_splits_fills_or_opens_a_heading_of_2019() -> None:
    old, new = codes_of_2019(), packaged()
    added = new.keys() - old.keys()

    def place(code: str) -> str:
        heading = nearest(code, old)
        if heading is None:
            return "a new category"
        return "below a code split since" if old[heading][0] else "added below a heading"

    assert Counter(map(place, added)) == {
        "added below a heading": 3_027,
        "below a code split since": 825,
        "a new category": 214,  # W44 alone has 177
    }
    split = {code for code in old.keys() & new.keys() if old[code][0] and not new[code].billable}
    assert len(split) == 182
    assert split <= {nearest(code, new) for code in added}
    assert {code for code in old.keys() & new.keys() if new[code].billable and not old[code][0]} == {"H81.4"}


async def test_descriptions_are_found_among_ninety_thousand(
    admin_client: httpx.AsyncClient, units: UnitOfWorkFactory
) -> None:
    """A misspelt and a shortened description find their code among those of the full list."""
    assert (await lists.load(units, FY2019)).codes == 94_444
    question = {"diagnosis": "acute apendicitis; chronic kidney disease stage 3", "hospital_name": "A"}
    answer = await admin_client.post(
        "/api/v1/insurance/medical/enrich", json=question | {"min_confidence": 0.4, "max_codes": 20}
    )
    codes = {code["code"] for code in answer.json()["icd_codes"]}
    assert "N18.3" in codes
    assert any(code.startswith("K35") for code in codes)


# UCI Student Performance: three grades of 0 to 20

HAND_CHECKED: Final = {
    1: "27.0000",  # grades 5, 5, 6: 7.5 + 7.5 + 12
    2: "42.5000",  # grades 7, 8, 10: 10.5 + 12 + 20
    3: "73.5000",  # grades 15, 14, 15: 22.5 + 21 + 30
    4: "89.0000",  # grades 16, 18, 19: 24 + 27 + 38
    5: "45.0000",  # grades 10, 8, 9: 15 + 12 + 18
    48: "87.0000",  # grades 16, 18, 18: 24 + 27 + 36
    131: "46.5000",  # grades 10, 9, 9: 15 + 13.5 + 18
}


def test_real_students_are_ranked_by_their_merit_as_worked_by_hand() -> None:
    """Grades weighed 30, 30 and 40 make 1.5, 1.5 and 2 points a grade; equal merits share a dense rank."""
    weights = {"matric": 30, "intermediate": 30, "bachelor": 40}
    rule = msgspec.convert({"program": "UCI", "weightage": weights}, MeritRule)
    grades = {
        f"S-{number:03}": [Decimal(row[grade]) for grade in ("G1", "G2", "G3")]
        for number, row in enumerate(rows_of("uci_student/student-mat.csv"), start=1)
    }
    contenders = (
        Contender(
            student_id=student,
            date_of_birth=None,
            category="GENERAL",
            gap_years=0,
            marks={level: Mark(obtained=grade, total=Decimal(20)) for level, grade in zip(weights, held, strict=True)},
        )
        for student, held in grades.items()
    )
    standings = MeritList(rule, contenders).standings
    merits = {standing.place.student_id: standing.place.merit for standing in standings}
    expected = {student: (first + second) * 3 / 2 + third * 2 for student, (first, second, third) in grades.items()}
    best_first = sorted(set(expected.values()), reverse=True)

    assert len(standings) == len(grades) == 210
    assert {number: str(merits[f"S-{number:03}"]) for number in HAND_CHECKED} == HAND_CHECKED
    assert merits == expected
    assert [(s.rank, s.place.student_id) for s in standings] == sorted(
        (best_first.index(merit) + 1, student) for student, merit in expected.items()
    )


# Synthea: claims with the encounters that they bill


def test_the_payouts_of_every_claim_balance_and_stay_within_the_policies() -> None:
    """A year of a patient is a policy period: deductible 1 000, four fifths of the rest, at most 20 000."""
    encounters = {row["Id"]: row for row in rows_of("synthea_50/encounters.csv")}
    claims = rows_of("synthea_50/claims.csv")
    met: Counter[tuple[str, str]] = Counter()
    paid: Counter[tuple[str, str]] = Counter()
    for claim in sorted(claims, key=lambda row: row["SERVICEDATE"]):
        policy = claim["PATIENTID"], claim["SERVICEDATE"][:4]
        terms = Terms(
            approved_amount=Decimal(encounters[claim["APPOINTMENTID"]]["TOTAL_CLAIM_COST"]),
            deductible=Decimal(1_000), policy_limit=Decimal(20_000), currency="USD", coinsurance_rate=Decimal("0.8"),
            prior_deductible_met=Decimal(met[policy]), prior_paid=Decimal(paid[policy]),
        )  # fmt: skip
        result = payout.compute(terms)
        assert result.balances(terms.approved_amount)
        met[policy] += result.deductible_applied  # type: ignore[assignment] # a Counter of decimals
        paid[policy] += result.payout_amount  # type: ignore[assignment]
    assert (len(claims), len(encounters)) == (1_528, 1_021)
    assert max(met.values()) == 1_000
    assert max(paid.values()) == 20_000


def test_what_a_payer_covered_is_never_more_than_the_same_figures_pay_out() -> None:
    """With the member's part as the deductible, the payout is exactly what the payer covered."""
    for row in rows_of("synthea_50/encounters.csv"):
        cost, covered = Decimal(row["TOTAL_CLAIM_COST"]), Decimal(row["PAYER_COVERAGE"])
        terms = Terms(approved_amount=cost, deductible=cost - covered, policy_limit=cost, currency="USD")
        assert payout.compute(terms).payout_amount == covered
