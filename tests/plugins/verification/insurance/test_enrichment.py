"""Registering diagnoses and turning them into codes, through HTTP."""

import gzip
from pathlib import Path

import httpx
import pytest

from core.unit_of_work import UnitOfWorkFactory
from plugins.verification.insurance.rules.enrichment import MOST_COMPARED
from plugins.verification.insurance.service import icd

REGISTER = "/api/v1/insurance/admin/medical-enrichment"
ENRICH = "/api/v1/insurance/medical/enrich"

CODES = """code\tbillable\tdescription\tsynonyms
A00\t0\tCholera\t
A00.9\t1\tCholera, unspecified\t
E11.9\t1\tType 2 diabetes mellitus without complications\t
I10\t1\tEssential (primary) hypertension\tHigh blood pressure|arterial hypertension
"""


def claim(**changes: object) -> dict[str, object]:
    return {"claim_reference": "CLM-1", "diagnosis": "Cholera", "hospital_name": "St. Mary's Hosp."} | changes


@pytest.fixture
async def codes(units: UnitOfWorkFactory, tmp_path: Path) -> None:
    file = tmp_path / "codes.tsv"
    file.write_text(CODES, encoding="utf-8")
    await icd.load(units, file)


async def test_a_diagnosis_is_registered_with_its_codes_in_the_normal_form(admin_client: httpx.AsyncClient) -> None:
    mapping = [{"term": "sugar", "code": "e119", "confidence": 0.9}, {"term": "eye", "code": "H54.0X"}]
    answer = await admin_client.post(REGISTER, json=claim(icd_mapping=mapping, notes="by phone"))
    assert answer.status_code == 201
    body = answer.json()
    assert body["status"] == "registered"
    assert body["icd_mapping"] == [
        {"term": "sugar", "code": "E11.9", "confidence": 0.9, "warnings": []},
        {"term": "eye", "code": "H54.0X", "confidence": 1.0, "warnings": ["placeholder_last"]},
    ]


async def test_the_mapping_may_be_an_object_of_terms_and_codes(admin_client: httpx.AsyncClient) -> None:
    answer = await admin_client.post(REGISTER, json=claim(icd_mapping={"sugar": "E11.9"}))
    assert answer.json()["icd_mapping"][0]["code"] == "E11.9"


@pytest.mark.parametrize("code", ["A0", "U", "123.4", "A00.00000"])
async def test_every_malformed_code_is_reported_with_its_place(admin_client: httpx.AsyncClient, code: str) -> None:
    answer = await admin_client.post(REGISTER, json=claim(icd_mapping={"a/b": code, "ok": "A00"}))
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_icd_code")
    assert [fault["pointer"] for fault in answer.json()["errors"]] == ["/icd_mapping/a~1b"]


async def test_strict_refuses_doubtful_and_unlisted_codes(admin_client: httpx.AsyncClient, codes: None) -> None:
    doubtful = await admin_client.post(REGISTER, params={"strict": "true"}, json=claim(icd_mapping={"a": "H54.0X"}))
    assert doubtful.json()["code"] == "invalid_icd_code"
    unlisted = await admin_client.post(REGISTER, params={"strict": "true"}, json=claim(icd_mapping={"a": "E11.8"}))
    assert (unlisted.status_code, unlisted.json()["code"]) == (422, "unknown_icd_code")
    listed = await admin_client.post(REGISTER, params={"strict": "true"}, json=claim(icd_mapping={"a": "E11.9"}))
    assert listed.status_code == 201


async def test_a_claim_reference_is_registered_once(admin_client: httpx.AsyncClient) -> None:
    await admin_client.post(REGISTER, json=claim())
    again = await admin_client.post(REGISTER, json=claim())
    assert (again.status_code, again.json()["code"]) == (409, "duplicate_claim_reference")


@pytest.mark.parametrize(
    "changes",
    [
        {"diagnosis": ""},
        {"diagnosis": "x" * 2001},
        {"hospital_name": "a\nb"},
        {"hospital_name": "  "},
        {"claim_reference": "x" * 65},
        {"claim_reference": "CLM 1"},
        {"claim_reference": "CLM-1\n"},
        {"icd_mapping": [{"term": "a", "code": "A00", "confidence": 2}]},
        {"icd_mapping": "A00"},
        {"surprise": 1},
    ],
)
async def test_what_does_not_fit_the_schema_is_refused(
    admin_client: httpx.AsyncClient, changes: dict[str, object]
) -> None:
    assert (await admin_client.post(REGISTER, json=claim(**changes))).status_code == 400


async def test_an_empty_diagnosis_is_refused_by_the_rules(admin_client: httpx.AsyncClient) -> None:
    answer = await admin_client.post(REGISTER, json=claim(diagnosis=" ;; "))
    assert (answer.status_code, answer.json()["code"]) == (422, "empty_diagnosis")
    answer = await admin_client.post(ENRICH, json={"diagnosis": ",", "hospital_name": "A"})
    assert (answer.status_code, answer.json()["code"]) == (422, "empty_diagnosis")


async def test_each_way_of_matching_finds_its_code(admin_client: httpx.AsyncClient, codes: None) -> None:
    question = {
        "diagnosis": "cholera, unspecified; hypertension essential; E11.9 since 2019; rare thing",
        "hospital_name": "St. Mary's Hosp.",
    }
    answer = await admin_client.post(ENRICH, json=question)
    assert answer.status_code == 200
    body = answer.json()
    found = [(code["code"], code["method"]) for code in body["icd_codes"]]
    assert found == [("A00.9", "exact"), ("E11.9", "literal"), ("I10", "fuzzy")]
    assert (body["outcome"], body["unmatched_terms"]) == ("partial", ["rare thing"])
    assert body["hospital"] == {"name": "St. Mary's Hosp.", "normalized": "saint mary s hospital"}
    assert (body["enrichment_id"], body["model"]) == (None, "deterministic-v1")
    assert (await admin_client.post(ENRICH, json=question)).content == answer.content


async def test_a_synonym_of_the_list_finds_its_code(admin_client: httpx.AsyncClient, codes: None) -> None:
    answer = await admin_client.post(ENRICH, json={"diagnosis": "high blood-pressure", "hospital_name": "A"})
    assert [(code["code"], code["method"]) for code in answer.json()["icd_codes"]] == [("I10", "synonym")]


async def test_only_so_many_clauses_are_compared_by_similarity(admin_client: httpx.AsyncClient, codes: None) -> None:
    for before, outcome, unmatched in (
        (MOST_COMPARED - 1, "partial", MOST_COMPARED - 1),
        (MOST_COMPARED, "none", MOST_COMPARED + 1),
    ):
        clauses = ",".join([*(f"nothing{number}" for number in range(before)), "essential hypertension primary"])
        answer = (await admin_client.post(ENRICH, json={"diagnosis": clauses, "hospital_name": "A"})).json()
        assert (answer["outcome"], len(answer["unmatched_terms"])) == (outcome, unmatched)


async def test_a_registered_diagnosis_is_found_by_id_and_by_reference(admin_client: httpx.AsyncClient) -> None:
    registered = (await admin_client.post(REGISTER, json=claim(icd_mapping={"cholera": "A00.9"}))).json()
    by_id = await admin_client.post(ENRICH, json={"enrichment_request_id": registered["id"]})
    by_reference = await admin_client.post(ENRICH, json={"claim_reference": "CLM-1"})
    assert by_id.content == by_reference.content
    assert by_id.json()["enrichment_id"] == registered["id"]
    assert [code["method"] for code in by_id.json()["icd_codes"]] == ["registered"]


@pytest.mark.parametrize(
    ("question", "status", "code"),
    [
        ({}, 400, "ambiguous_reference"),
        ({"claim_reference": "A", "diagnosis": "b", "hospital_name": "c"}, 400, "ambiguous_reference"),
        ({"diagnosis": "b"}, 400, "missing_field"),
        ({"claim_reference": "NOPE"}, 404, "insurance_request_not_found"),
        ({"enrichment_request_id": "018f6f5e-0000-7000-8000-000000000000"}, 404, "insurance_request_not_found"),
        ({"enrichment_request_id": "no-uuid"}, 400, None),
        ({"diagnosis": "a", "hospital_name": "b", "max_codes": 0}, 400, None),
        ({"diagnosis": "a", "hospital_name": "b", "min_confidence": 1.5}, 400, None),
    ],
)
async def test_a_question_names_its_subject_in_one_way(
    admin_client: httpx.AsyncClient, question: dict[str, object], status: int, code: str | None
) -> None:
    answer = await admin_client.post(ENRICH, json=question)
    assert answer.status_code == status
    assert code is None or answer.json()["code"] == code


async def test_nobody_registers_or_enriches_without_a_credential(client: httpx.AsyncClient) -> None:
    assert (await client.post(REGISTER, json=claim())).status_code == 401
    assert (await client.post(ENRICH, json={"claim_reference": "A"})).status_code == 401


async def test_loading_the_same_list_again_changes_nothing(units: UnitOfWorkFactory, tmp_path: Path) -> None:
    file = tmp_path / "codes.tsv.gz"
    file.write_bytes(gzip.compress(CODES.encode()))
    heard: list[tuple[int, int]] = []
    first = await icd.load(units, file, lambda written, every: heard.append((written, every)))
    again = await icd.load(units, file)
    assert (first.codes, first.changed, again.changed) == (4, True, False)
    assert heard == [(4, 4)]
    assert again.checksum == first.checksum


@pytest.mark.parametrize(
    "text",
    [
        "code\tbillable\nA00\t1\n",
        "code\tbillable\tdescription\nnonsense\t1\tx\n",
        "code\tbillable\tdescription\nA00\t1\n",
    ],
)
async def test_a_list_that_is_none_is_refused(units: UnitOfWorkFactory, tmp_path: Path, text: str) -> None:
    file = tmp_path / "codes.tsv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"lacks|no ICD|no description"):
        await icd.load(units, file)
