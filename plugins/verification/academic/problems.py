"""The kinds of problem that academic admission answers with."""

from http import HTTPStatus
from typing import Final

from core.http.problems import ProblemType
from plugins.verification.problems import AS_OF_IN_FUTURE, DATE_ORDER

DUPLICATE_STUDENT_ID: Final = ProblemType(
    "duplicate_student_id", HTTPStatus.CONFLICT, "A student with this student_id is registered already"
)
DUPLICATE_CERTIFICATE_NUMBER: Final = ProblemType(
    "duplicate_certificate_number", HTTPStatus.CONFLICT, "Another record carries this certificate number"
)
DUPLICATE_ROLL_ENTRY: Final = ProblemType(
    "duplicate_roll_entry",
    HTTPStatus.CONFLICT,
    "The board gave this roll number to another record",
    "Within one board, year and level a roll number stands for one record.",
)
RULE_EXISTS: Final = ProblemType(
    "rule_exists", HTTPStatus.CONFLICT, "The program has a rule already", "`?upsert=true` replaces it."
)
INVALID_MARKS: Final = ProblemType(
    "invalid_marks",
    HTTPStatus.UNPROCESSABLE_ENTITY,
    "These cannot be marks",
    "Marks are not negative, totals are above zero, and both have at most two decimals and stay below a million.",
)
MARKS_EXCEED_TOTAL: Final = ProblemType(
    "marks_exceed_total", HTTPStatus.UNPROCESSABLE_ENTITY, "More marks were obtained than there are"
)
SUBJECT_SUM_MISMATCH: Final = ProblemType(
    "subject_sum_mismatch",
    HTTPStatus.UNPROCESSABLE_ENTITY,
    "The subjects do not sum to the marks obtained",
    "Leave `subjects` out, or give every subject that was counted.",
)
INVALID_RULE: Final = ProblemType(
    "invalid_rule",
    HTTPStatus.UNPROCESSABLE_ENTITY,
    "The rule contradicts itself or is out of range",
    "No applicant could meet it as written. `errors` points at each place.",
)
WEIGHTS_MUST_SUM_TO_100: Final = ProblemType(
    "weights_must_sum_to_100",
    HTTPStatus.UNPROCESSABLE_ENTITY,
    "The weights do not sum to 100",
    "They are compared exactly, as decimals: 30 and 70.0001 do not.",
)
DUPLICATE_COMPONENT: Final = ProblemType(
    "duplicate_component", HTTPStatus.UNPROCESSABLE_ENTITY, "A component is weighed twice"
)
UNKNOWN_COMPONENT: Final = ProblemType(
    "unknown_component", HTTPStatus.UNPROCESSABLE_ENTITY, "A component is not a level that records have"
)
UNKNOWN_TIE_BREAK: Final = ProblemType(
    "unknown_tie_break", HTTPStatus.UNPROCESSABLE_ENTITY, "A link of the tie-break chain means nothing"
)
STUDENT_NOT_FOUND: Final = ProblemType("student_not_found", HTTPStatus.NOT_FOUND, "No student has this student_id")
RULES_NOT_FOUND: Final = ProblemType(
    "rules_not_found", HTTPStatus.NOT_FOUND, "The program has no such rule in force on this day"
)
ROLL_NUMBER_NOT_FOUND: Final = ProblemType(
    "roll_number_not_found", HTTPStatus.NOT_FOUND, "No record has this roll number"
)
CERTIFICATE_NOT_FOUND: Final = ProblemType(
    "certificate_not_found", HTTPStatus.NOT_FOUND, "No record carries this certificate number"
)
RESULT_AWAITED: Final = ProblemType(
    "result_awaited",
    HTTPStatus.CONFLICT,
    "A result that the merit needs has not been declared",
    "Ask again once the board has declared it.",
)
COMPONENT_MISSING: Final = ProblemType(
    "component_missing", HTTPStatus.UNPROCESSABLE_ENTITY, "The student has no record for a component of the merit"
)
NOT_ELIGIBLE: Final = ProblemType(
    "not_eligible", HTTPStatus.UNPROCESSABLE_ENTITY, "The student is not eligible for the program"
)

STUDENT_PROBLEMS: Final = (
    DATE_ORDER,
    INVALID_MARKS,
    MARKS_EXCEED_TOTAL,
    SUBJECT_SUM_MISMATCH,
    DUPLICATE_STUDENT_ID,
    DUPLICATE_CERTIFICATE_NUMBER,
    DUPLICATE_ROLL_ENTRY,
)
"""What registering a student is refused with."""

MERIT_RULE_PROBLEMS: Final = (
    RULE_EXISTS,
    INVALID_RULE,
    WEIGHTS_MUST_SUM_TO_100,
    DUPLICATE_COMPONENT,
    UNKNOWN_COMPONENT,
    UNKNOWN_TIE_BREAK,
)
"""What storing a merit rule is refused with."""

ELIGIBILITY_PROBLEMS: Final = (AS_OF_IN_FUTURE, STUDENT_NOT_FOUND, RULES_NOT_FOUND)
MERIT_PROBLEMS: Final = (*ELIGIBILITY_PROBLEMS, NOT_ELIGIBLE, RESULT_AWAITED, COMPONENT_MISSING)
"""What the questions about a student are refused with."""

ACADEMIC_PROBLEMS: Final = (
    DUPLICATE_STUDENT_ID,
    DUPLICATE_CERTIFICATE_NUMBER,
    DUPLICATE_ROLL_ENTRY,
    RULE_EXISTS,
    INVALID_MARKS,
    MARKS_EXCEED_TOTAL,
    SUBJECT_SUM_MISMATCH,
    INVALID_RULE,
    WEIGHTS_MUST_SUM_TO_100,
    DUPLICATE_COMPONENT,
    UNKNOWN_COMPONENT,
    UNKNOWN_TIE_BREAK,
    STUDENT_NOT_FOUND,
    RULES_NOT_FOUND,
    ROLL_NUMBER_NOT_FOUND,
    CERTIFICATE_NOT_FOUND,
    RESULT_AWAITED,
    COMPONENT_MISSING,
    NOT_ELIGIBLE,
)
