"""The registry of problems knows each code once, and single-code refusals go by their code."""

from core.http.problem_types import ALL, UNKNOWN_FIELD, UNPROCESSABLE
from core.http.problems import VALIDATION_ERROR, Fault, Problem, ProblemRegistry, ProblemType


def test_codes_are_unique() -> None:
    assert not ProblemRegistry(ALL).duplicates


def test_a_code_that_means_two_things_is_reported() -> None:
    other = ProblemType("unknown_field", 422, "Something else")
    assert ProblemRegistry([*ALL, UNKNOWN_FIELD, other]).duplicates == ["unknown_field"]


def test_faults_of_one_registered_code_give_the_refusal_its_name() -> None:
    registry = ProblemRegistry(ALL)
    unknown = [Fault("/a", "unknown_field", ""), Fault("/b", "unknown_field", "")]
    assert registry.kind_of(Problem(VALIDATION_ERROR, faults=unknown)) is UNKNOWN_FIELD
    assert registry.kind_of(Problem(VALIDATION_ERROR, faults=[*unknown, Fault("/c", "type", "")])) is VALIDATION_ERROR
    assert registry.kind_of(Problem(VALIDATION_ERROR, faults=[Fault("/c", "type", "")])) is VALIDATION_ERROR
    assert registry.kind_of(Problem(UNPROCESSABLE, faults=unknown)) is UNPROCESSABLE


def test_a_code_of_another_status_does_not_change_the_answers_status() -> None:
    registry = ProblemRegistry([*ALL, ProblemType("odd", 422, "Odd")])
    assert registry.kind_of(Problem(VALIDATION_ERROR, faults=[Fault("/a", "odd", "")])) is VALIDATION_ERROR
