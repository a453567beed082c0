"""The kinds of problem that the stub control plane answers with."""

from http import HTTPStatus
from typing import Final

import msgspec

from core.http.problems import ProblemType

INVALID_STUB_CONTROL: Final = ProblemType(
    "invalid_stub_control",
    HTTPStatus.BAD_REQUEST,
    "A header that controls the stub is not acceptable",
    "`X-Stub-Delay-Ms` is a whole number from 0 to 60000, `X-Stub-Session` 1 to 64 letters, digits, dots, dashes or "
    "underscores, `X-Stub-Fault` one of the named faults, and `Prefer: code=…` a status that the route documents.",
)
STUB_FAULT: Final = ProblemType(
    "stub_fault",
    HTTPStatus.SERVICE_UNAVAILABLE,
    "This failure was asked for",
    "A header, a rule or the settings of the stub control plane demanded it. Nothing was done.",
)
STUB_FAULTS: Final = tuple(
    msgspec.structs.replace(STUB_FAULT, status=status)
    for status in (
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.TOO_MANY_REQUESTS,
    )
)
"""The same kind under each status that it comes with."""

SCENARIO_CONTENDED: Final = ProblemType(
    "stub_scenario_contended",
    HTTPStatus.CONFLICT,
    "Other requests kept changing the scenario",
    "The scenario was in another state whenever this request came to change it, or it is in a state of its own for "
    "too many keys already. Try again, or reset the scenario.",
)
INVALID_STUB_RULE: Final = ProblemType(
    "invalid_stub_rule",
    HTTPStatus.UNPROCESSABLE_ENTITY,
    "The rule cannot be used",
    "`errors` names each expression, template, header or state that is at fault.",
)
STUB_RULES_FULL: Final = ProblemType(
    "stub_rules_full",
    HTTPStatus.CONFLICT,
    "There are as many rules as there may be",
    "They are too many, or too large together. Delete some, or raise `max_rules` or `max_rules_bytes` in the settings "
    "of the plugin.",
)
STUB_RULE_NOT_FOUND: Final = ProblemType("stub_rule_not_found", HTTPStatus.NOT_FOUND, "There is no such rule")
STUB_SCENARIO_NOT_FOUND: Final = ProblemType(
    "stub_scenario_not_found", HTTPStatus.NOT_FOUND, "No rule tells of this scenario"
)
UNKNOWN_STUB_STATE: Final = ProblemType(
    "unknown_stub_state",
    HTTPStatus.UNPROCESSABLE_ENTITY,
    "The scenario has no such state",
    "`errors` lists the states that its rules name.",
)

STUB_RULES_TOO_LABORIOUS: Final = ProblemType(
    "stub_rules_too_laborious",
    HTTPStatus.UNPROCESSABLE_ENTITY,
    "Comparing this request with the rules takes too long",
    "Rules whose expressions and JSONPath queries look through long texts or bodies hold up everybody. Name the place "
    "in the body rather than search it, repeat less in expressions, or have fewer such rules for one path.",
)

OVERLAY_PROBLEMS: Final = (INVALID_STUB_CONTROL, SCENARIO_CONTENDED, STUB_RULES_TOO_LABORIOUS, *STUB_FAULTS)
"""What any request of the three groups may be answered with where the control plane is on."""

STUB_PROBLEMS: Final = (
    INVALID_STUB_CONTROL,
    STUB_FAULT,
    SCENARIO_CONTENDED,
    STUB_RULES_TOO_LABORIOUS,
    INVALID_STUB_RULE,
    STUB_RULES_FULL,
    STUB_RULE_NOT_FOUND,
    STUB_SCENARIO_NOT_FOUND,
    UNKNOWN_STUB_STATE,
)
