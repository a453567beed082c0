"""From words to codes: clauses, the order of matching, and determinism."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.verification.insurance.rules import enrichment
from plugins.verification.insurance.rules.enrichment import Catalogue, IcdEntry, RegisteredMapping
from plugins.verification.insurance.rules.refusals import Refused

DIABETES = IcdEntry("E11.9", "Type 2 diabetes mellitus without complications", billable=True)
CHOLERA = IcdEntry("A00.9", "Cholera, unspecified", billable=True)
HYPERTENSION = IcdEntry("I10", "Essential (primary) hypertension", billable=True)
CATALOGUE = Catalogue(
    by_code={entry.code: entry for entry in (DIABETES, CHOLERA, HYPERTENSION)},
    by_description={enrichment.search_form(e.description or ""): [e] for e in (DIABETES, CHOLERA, HYPERTENSION)},
    by_synonym={"high blood pressure": [HYPERTENSION]},
)


def enrich(
    diagnosis: str,
    *registered: RegisteredMapping,
    floor: float = 0.5,
    most: int = 5,
    similar: tuple[IcdEntry, ...] = (),
) -> enrichment.Enrichment:
    resolution = enrichment.resolve(diagnosis, registered, CATALOGUE, floor)
    return enrichment.complete(resolution, dict.fromkeys(resolution.unmatched, similar), floor, most)


def test_a_diagnosis_is_cut_at_semicolons_and_lines_and_then_at_commas_and_the_word_and() -> None:
    assert enrichment.segments("a, b; ;\r\nc and d") == ("a, b", "c and d")
    assert enrichment.clauses("fever, , cough AND sand dune") == ("fever", "cough", "sand dune")
    assert enrichment.terms("Fever, cough; fever") == ("fever cough", "fever", "cough")


def test_a_synonym_is_known_with_and_without_its_optional_words() -> None:
    assert enrichment.spellings("Coryza (acute) NOS") == {
        "coryza acute nos", "coryza acute", "coryza nos", "coryza",
    }  # fmt: skip
    assert enrichment.spellings("NOS") == enrichment.spellings("(x)") - {"x"} == set()


def test_a_hospital_is_compared_without_abbreviations() -> None:
    assert enrichment.normalise_hospital("St.  Mary Gen. HOSP") == "saint mary general hospital"


def test_word_queries_ask_for_every_word_first_and_for_any_beginning_then() -> None:
    assert enrichment.word_queries("Pain of the knee, unspecified") == ("pain:* & knee:*", "pain:* | knee:*")
    assert enrichment.word_queries("fractures")[0] == "fractur:*"
    assert enrichment.word_queries("other, unspecified") == ()


def test_the_codes_that_stand_in_a_text_are_listed_once() -> None:
    assert enrichment.literal_codes("E119, e11.9 and I10") == ("E11.9", "I10")


@pytest.mark.parametrize("diagnosis", [" ", ";,;", "\n--\n"])
def test_a_diagnosis_without_a_word_is_refused(diagnosis: str) -> None:
    with pytest.raises(Refused, match="empty_diagnosis"):
        enrich(diagnosis)


def test_the_search_form_ignores_case_accents_and_punctuation() -> None:
    assert enrichment.search_form("  Ménière's—Disease (LEFT) ") == "meniere s disease left"


@pytest.mark.parametrize(
    ("clause", "method", "code", "confidence"),
    [
        ("our sugar sickness", "registered", "E13.9", 0.7),
        ("Cholera E11.9", "literal", "E11.9", 1.0),
        ("odd thing Z99.89", "literal", "Z99.89", 0.8),
        ("TYPE 2 diabetes mellitus without complications", "exact", "E11.9", 1.0),
        ("high blood-pressure", "synonym", "I10", 0.95),
        ("essential hypertension primary", "fuzzy", "I10", 1.0),
    ],
)
def test_each_way_of_matching_says_how_it_matched(clause: str, method: str, code: str, confidence: float) -> None:
    found = enrich(clause, RegisteredMapping("sugar sickness", "E13.9", 0.7), similar=(HYPERTENSION,))
    assert [(m.method, m.code, m.confidence) for m in found.codes] == [(method, code, confidence)]
    assert found.outcome == "complete"


def test_the_registered_mapping_wins_over_everything_else() -> None:
    found = enrich("Cholera, unspecified", RegisteredMapping("cholera unspecified", "A01.0"))
    assert [(m.code, m.method, m.description) for m in found.codes] == [("A01.0", "registered", None)]


def test_a_whole_segment_that_is_a_description_is_one_clause_even_with_a_comma() -> None:
    found = enrich("Cholera, unspecified; high blood pressure")
    assert [m.code for m in found.codes] == ["A00.9", "I10"]


def test_an_undotted_run_that_is_no_code_of_the_catalogue_is_no_literal() -> None:
    assert enrich("vitamin B12").outcome == "none"


def test_the_outcome_tells_whether_every_clause_got_a_code() -> None:
    found = enrich("E11.9, nonsense words")
    assert (found.outcome, found.unmatched_terms) == ("partial", ("nonsense words",))
    assert enrich("nonsense").outcome == "none"


def test_matches_below_the_floor_do_not_count() -> None:
    assert enrich("sugar", RegisteredMapping("sugar", "E13.9", 0.4)).outcome == "none"


def test_codes_come_by_confidence_then_code_without_repetition_and_not_more_than_asked_for() -> None:
    found = enrich("high blood pressure; E11.9; A00.9 E11.9", most=2)
    assert [m.code for m in found.codes] == ["A00.9", "E11.9"]
    assert found.outcome == "complete"


def test_similarity_is_that_of_pg_trgm() -> None:
    assert enrichment.similarity("word", "two words") == pytest.approx(4 / 11)
    assert enrichment.similarity("cat", "Cat!") == 1.0
    assert enrichment.similarity("", "cat") == 0.0
    assert enrichment.similarity("", "") == 0.0


@given(st.text(max_size=40), st.text(max_size=40))
def test_similarity_is_symmetric_and_between_none_and_all(one: str, other: str) -> None:
    assert enrichment.similarity(one, other) == enrichment.similarity(other, one)
    assert 0.0 <= enrichment.similarity(one, other) <= 1.0


WORDS = st.lists(
    st.sampled_from(["cholera", "E11.9", "and", ",", ";", "high blood pressure", "B12", "\n", "fever"]),
    min_size=1,
    max_size=9,
).map(" ".join)


@given(WORDS)
def test_the_same_diagnosis_always_gets_the_same_answer_and_every_clause_is_accounted_for(diagnosis: str) -> None:
    try:
        first = enrich(diagnosis, similar=(CHOLERA, DIABETES))
    except Refused:
        return
    assert first == enrich(diagnosis, similar=(DIABETES, CHOLERA))
    assert (first.outcome == "none") == (not first.codes)
    assert (first.outcome == "complete") == (bool(first.codes) and not first.unmatched_terms)
