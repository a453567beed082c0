"""Merit: published figures, truncation, missing components, bonuses, deductions, ties, and refused rules."""

from datetime import date
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.verification.academic.rules.merit import ComponentMissing, Contender, Mark, calculate
from plugins.verification.academic.rules.merit_rule import MeritRule, faults, tie_breaker


def rule(weightage=None, **options):
    document = {"program": "BSCS", "weightage": weightage or {"matric": 30, "intermediate": 70}, "options": options}
    return msgspec.convert(document, MeritRule)


def mark(obtained, total, source=None):
    return Mark(obtained=Decimal(obtained), total=Decimal(total), source=source)


def contender(category="GENERAL", gap_years=0, born=date(2005, 6, 15), **marks):
    return Contender(student_id="S-1", date_of_birth=born, category=category, gap_years=gap_years, marks=marks)


BOTH = {"matric": mark(900, 1100, "m"), "intermediate": mark(540, 555, "i")}


def test_the_published_golden_figure():
    """UVAS: four decimals, no rounding: 24.5454 + 68.1081 = 92.6535 (rounding would give 92.6536)."""
    result = calculate(rule(), contender(**BOTH))
    assert [str(component.score) for component in result.components] == ["24.5454", "68.1081"]
    assert str(result.merit) == "92.6535"
    first = result.components[0]
    assert (first.key, first.weight, str(first.percentage), first.source_record_id) == (
        "matric",
        Decimal(30),
        "81.8181",
        "m",
    )


@pytest.mark.parametrize(("precision", "expected"), [(0, "92"), (2, "92.64"), (6, "92.653562")])
def test_each_score_is_cut_at_the_rules_precision(precision, expected):
    assert str(calculate(rule(precision=precision), contender(**BOTH)).merit) == expected


def test_a_missing_component_is_refused_by_default():
    with pytest.raises(ComponentMissing) as refused:
        calculate(rule(), contender(matric=mark(1, 2)))
    assert refused.value.components == ["intermediate"]


def test_a_missing_component_may_score_nothing():
    result = calculate(rule(on_missing="zero"), contender(matric=mark(900, 1100)))
    assert str(result.merit) == "24.5454"
    assert (result.components[1].weight, result.components[1].percentage) == (Decimal(70), None)


def test_a_missing_components_weight_may_be_carried_by_the_others():
    three = rule({"matric": 30, "intermediate": 50, "entry_test": 20}, on_missing="redistribute")
    result = calculate(three, contender(matric=mark(1, 2), intermediate=mark(3, 4)))
    assert [str(component.weight) for component in result.components] == ["37.5000", "62.5000", "0"]
    assert str(result.merit) == "65.6250"


def test_redistribution_needs_something_that_can_carry_the_weight():
    with pytest.raises(ComponentMissing):
        calculate(rule(on_missing="redistribute"), contender())
    with pytest.raises(ComponentMissing):
        calculate(rule({"matric": 0, "intermediate": 100}, on_missing="redistribute"), contender(matric=mark(1, 2)))


def test_redistribution_with_nothing_missing_changes_nothing():
    assert str(calculate(rule(on_missing="redistribute"), contender(**BOTH)).merit) == "92.6535"


def test_a_bonus_is_for_its_category_alone():
    asked = rule(bonuses=[{"key": "hafiz", "points": "2", "when": {"category": "HAFIZ"}}])
    granted = calculate(asked, contender(category="HAFIZ", **BOTH))
    assert str(granted.merit) == "94.6535"
    assert [(bonus.key, bonus.points) for bonus in granted.bonuses] == [("hafiz", Decimal(2))]
    assert str(calculate(asked, contender(**BOTH)).merit) == "92.6535"


@pytest.mark.parametrize(
    ("gap", "expected"),
    [(0, "92.6535"), (1, "91.6535"), (5, "87.6535"), (9, "87.6535"), (None, "92.6535"), (-1, "92.6535")],
)
def test_points_are_deducted_for_each_gap_year_up_to_a_maximum(gap, expected):
    asked = rule(deductions=[{"per_gap_year": "1", "max": "5"}])
    assert str(calculate(asked, contender(gap_years=gap, **BOTH)).merit) == expected


def test_a_deduction_without_maximum_takes_merit_to_zero_and_never_below():
    asked = rule(deductions=[{"per_gap_year": "10"}])
    assert str(calculate(asked, contender(gap_years=11, **BOTH)).merit) == "0.0000"


def test_merit_never_exceeds_the_rules_total():
    asked = rule(bonuses=[{"key": "hafiz", "points": "20", "when": {"category": "HAFIZ"}}])
    assert str(calculate(asked, contender(category="HAFIZ", **BOTH)).merit) == "100.0000"


def test_the_tie_break_key_holds_a_value_for_each_link():
    chain = ["intermediate.percentage", "date_of_birth:asc", "student_id", "matric.percentage:desc"]
    result = calculate(rule(tie_break=chain, on_missing="zero"), contender(intermediate=mark(540, 555)))
    assert result.tie_break_key == ["97.2972", "2005-06-15", "S-1", None]
    unborn = calculate(rule(tie_break=chain), contender(born=None, **BOTH))
    assert unborn.tie_break_key == ["97.2972", None, "S-1", "81.8181"]


def test_a_chain_that_was_never_checked_is_a_defect():
    with pytest.raises(ValueError, match="unchecked"):
        calculate(rule(tie_break=["shoe_size"]), contender(**BOTH))


@pytest.mark.parametrize(
    ("text", "descending"),
    [
        ("matric.percentage", True),
        ("Matric.percentage:desc", True),
        ("matric.percentage:asc", False),
        ("date_of_birth", False),
        ("date_of_birth:desc", True),
        ("student_id:asc", False),
    ],
)
def test_ties_go_to_the_higher_percentage_and_the_lower_attribute_unless_said_otherwise(text, descending):
    breaker = tie_breaker(text)
    assert breaker is not None
    assert breaker.descending is descending


def codes(asked):
    return [(fault.code, fault.pointer) for fault in faults(asked)]


@pytest.mark.parametrize(
    "weightage",
    [
        {"matric": 30, "intermediate": "70.0001"},
        {"matric": "99.99"},
        {"matric": -10, "intermediate": 110},
        {"matric": "NaN", "intermediate": 70},
        {"matric": "1e400"},
        {"matric": 30, "intermediate": "70." + "0" * 60 + "1"},
    ],
)
def test_weights_that_do_not_sum_to_exactly_100_are_refused(weightage):
    assert codes(rule(weightage)) == [("weights_must_sum_to_100", "/weightage")]


def test_empty_weights_are_refused():
    assert codes(MeritRule("BSCS", {})) == [("weights_must_sum_to_100", "/weightage")]


@pytest.mark.parametrize("weightage", [{"matric": 100}, {"matric": "33.33", "intermediate": "33.33", "other": "33.34"}])
def test_weights_that_sum_to_100_are_accepted(weightage):
    assert codes(rule(weightage)) == []


def test_components_are_known_levels_and_named_once():
    assert codes(rule({"matric": 50, "Matric ": 50})) == [("duplicate_component", "/weightage/Matric ")]
    assert codes(rule({"a/b~c": 100})) == [("unknown_component", "/weightage/a~1b~0c")]


@pytest.mark.parametrize(
    "text", ["shoe_size", "matric.marks", "bachelor.percentage", "student_id:up", "student_id:", ".percentage", ""]
)
def test_unknown_tie_breaks_are_refused(text):
    assert codes(rule(tie_break=["student_id", text])) == [("unknown_tie_break", "/options/tie_break/1")]


def test_points_are_plain_figures_that_are_not_negative():
    asked = rule(
        max_total=-1,
        bonuses=[{"key": "hafiz", "points": "NaN", "when": {"category": "HAFIZ"}}],
        deductions=[{"per_gap_year": -1, "max": "1e9"}],
    )
    assert codes(asked) == [
        ("invalid_rule", "/options/max_total"),
        ("invalid_rule", "/options/bonuses/0/points"),
        ("invalid_rule", "/options/deductions/0/per_gap_year"),
        ("invalid_rule", "/options/deductions/0/max"),
    ]


def test_the_specifications_own_rule_is_accepted():
    asked = rule(
        tie_break=["intermediate.percentage", "date_of_birth:asc", "student_id"],
        bonuses=[{"key": "hafiz", "points": "2", "when": {"category": "HAFIZ"}}],
        deductions=[{"per_gap_year": "1", "max": "5"}, {"per_gap_year": "1"}],
        max_total=100,
    )
    assert codes(asked) == []


shares = st.integers(0, 1000)


@given(shares, shares, st.integers(0, 100))
def test_merit_stays_within_its_scale_and_below_the_exact_sum_by_less_than_a_step_a_component(first, second, weight):
    asked = rule({"matric": weight, "intermediate": 100 - weight})
    merit = calculate(asked, contender(matric=mark(first, 1000), intermediate=mark(second, 1000))).merit
    exact = Decimal(first * weight + second * (100 - weight)) / 1000
    assert 0 <= exact - merit < Decimal("0.0002")
    assert 0 <= merit <= 100


@given(shares, shares, shares)
def test_better_marks_never_lower_the_merit(first, second, other):
    low, high = sorted([first, second])
    worse = calculate(rule(), contender(matric=mark(low, 1000), intermediate=mark(other, 1000))).merit
    assert calculate(rule(), contender(matric=mark(high, 1000), intermediate=mark(other, 1000))).merit >= worse


@given(st.permutations(["matric", "intermediate", "entry_test"]))
def test_the_order_of_components_does_not_change_the_merit(order):
    stated = {"matric": 25, "intermediate": 45, "entry_test": 30}
    marks = {"matric": mark(2, 3), "intermediate": mark(5, 7), "entry_test": mark(11, 13)}
    asked = rule({key: stated[key] for key in order})
    assert str(calculate(asked, contender(**marks)).merit) == "74.1940"


@given(st.dictionaries(st.sampled_from(["matric", "intermediate", "bachelor"]), st.integers(1, 100), min_size=1))
def test_whoever_has_full_marks_in_what_is_there_gets_the_whole_less_the_cut(present):
    """Redistribution scales to 100, so that only truncation can take anything away."""
    missing = 300 - sum(present.values())
    stated = {key: Decimal(value) / 3 for key, value in present.items()} | {"interview": Decimal(missing) / 3}
    asked = MeritRule("BSCS", stated, rule(on_missing="redistribute").options)
    merit = calculate(asked, contender(**{key: mark(7, 7) for key in present})).merit
    assert Decimal("99.999") < merit <= 100
