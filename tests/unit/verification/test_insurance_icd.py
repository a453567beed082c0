"""ICD-10-CM syntax: the codes that exist pass, the look-alikes of the catalogue of bad input do not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.verification.insurance.rules import icd
from plugins.verification.insurance.rules.refusals import Refused


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("e11.9", "E11.9"),
        ("E119", "E11.9"),
        (" a00 ", "A00"),
        ("s0211ga", "S02.11GA"),
        ("QA0.0101", "QA0.0101"),
        ("y93l1", "Y93.L1"),
    ],
)
def test_a_code_is_normalised_to_upper_case_with_the_dot_after_the_third_character(written: str, code: str) -> None:
    assert icd.parse(written, strict=True) == icd.IcdCode(code)


@pytest.mark.parametrize(
    "written",
    [
        "A0",
        "U",
        "123.4",
        "A00.00000",
        "A00.",
        "E1.19",
        "A0.00",
        "",
        "\uff21\uff10\uff10",
        "\u017f72.0",
        "A00\n.1",
        "A00.1.",
        "AAA",
        "A00 1",
    ],
)
def test_what_cannot_be_a_code_is_refused_with_its_pointer(written: str) -> None:
    with pytest.raises(Refused) as refusal:
        icd.parse(written, pointer="/icd_mapping/0/code")
    assert (refusal.value.code, refusal.value.pointer) == ("invalid_icd_code", "/icd_mapping/0/code")


@pytest.mark.parametrize(
    ("written", "warning"),
    [
        ("A00.M", icd.LOOSE_FORM),
        ("A0Z", icd.LOOSE_FORM),
        ("S02.111Z", icd.LOOSE_FORM),
        ("H54.0X", icd.PLACEHOLDER_LAST),
    ],
)
def test_a_doubtful_code_earns_a_warning_and_is_refused_when_strict(written: str, warning: str) -> None:
    assert icd.parse(written).warnings == (warning,)
    with pytest.raises(Refused, match=warning):
        icd.parse(written, strict=True)


def test_a_seventh_character_needs_six_before_it() -> None:
    assert icd.parse("T80.0XXA", strict=True).code == "T80.0XXA"
    assert icd.parse("T80.0A", strict=False).warnings == ()
    assert icd.LOOSE_FORM in icd.parse("T80.0P").warnings


def test_codes_are_found_in_text_but_not_inside_words_or_numbers() -> None:
    assert list(icd.literals("A0Z is loose")) == []
    found = list(icd.literals("Diabetes E11.9, a00; X123456789 NE11.9 a1b2c3d4e (I10) 1.A00.2 B12 E11.9."))
    assert found == [("E11.9", "E11.9"), ("a00", "A00"), ("I10", "I10"), ("B12", "B12"), ("E11.9", "E11.9")]
    assert icd.is_dotted("E11.9")
    assert not icd.is_dotted("B12")


@given(st.text(max_size=12))
def test_any_text_either_parses_to_a_fixed_point_or_is_refused(text: str) -> None:
    try:
        code = icd.parse(text).code
    except Refused:
        return
    assert icd.parse(code).code == code
