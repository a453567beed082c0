"""What questions about doctors and their registration are refused with."""

from http import HTTPStatus
from typing import Final

from core.http.problem_types import UNPROCESSABLE
from core.http.problems import ProblemType
from plugins.verification.problems import AS_OF_IN_FUTURE, DATE_ORDER

MISSING_IDENTIFIER: Final = ProblemType(
    "missing_identifier",
    HTTPStatus.BAD_REQUEST,
    "The request does not say which doctor it is about",
    "Give `doctor_id`, `license_number` (with `license_state` where you know it) or `npi`.",
)
IDENTIFIER_CONFLICT: Final = ProblemType(
    "identifier_conflict",
    HTTPStatus.CONFLICT,
    "The identifiers do not name one and the same doctor",
    "Either two identifiers belong to different doctors, or a licence number exists in several states and "
    "`license_state` is missing. Nothing is disclosed about either doctor.",
)
DOCTOR_NOT_FOUND: Final = ProblemType("doctor_not_found", HTTPStatus.NOT_FOUND, "No doctor has this identifier")
NPI_CHECK_DIGIT: Final = ProblemType(
    "npi_check_digit",
    HTTPStatus.UNPROCESSABLE_ENTITY,
    "The check digit of the NPI is wrong",
    "An NPI is ten digits, begins with 1 or 2, and passes Luhn's check with `80840` in front.",
)
INCONSISTENT_RECORD: Final = ProblemType(
    "inconsistent_record",
    HTTPStatus.UNPROCESSABLE_ENTITY,
    "A record contradicts itself",
    "For example a completed training without the day of completion. `errors` names each place.",
)
DUPLICATE_DOCTOR_ID: Final = ProblemType(
    "duplicate_doctor_id",
    HTTPStatus.CONFLICT,
    "A doctor with this doctor_id is registered already",
    "`?upsert=true` replaces what is registered.",
)
DUPLICATE_LICENSE_NUMBER: Final = ProblemType(
    "duplicate_license_number", HTTPStatus.CONFLICT, "Another doctor holds this licence number in this state"
)
DUPLICATE_NPI: Final = ProblemType("duplicate_npi", HTTPStatus.CONFLICT, "Another doctor has this NPI")
DUPLICATE_DEGREE: Final = ProblemType("duplicate_degree", HTTPStatus.CONFLICT, "The same degree is given twice")
DUPLICATE_BOARD_CERTIFICATE: Final = ProblemType(
    "duplicate_board_certificate", HTTPStatus.CONFLICT, "The board has issued this certificate number already"
)
DUPLICATE_CASE_NUMBER: Final = ProblemType(
    "duplicate_case_number", HTTPStatus.CONFLICT, "The authority or court has used this case number already"
)

_OF_IDENTIFIERS: Final = (MISSING_IDENTIFIER, IDENTIFIER_CONFLICT, DOCTOR_NOT_FOUND)
_OF_RECORDS: Final = (
    INCONSISTENT_RECORD,
    DUPLICATE_DOCTOR_ID,
    DUPLICATE_LICENSE_NUMBER,
    DUPLICATE_NPI,
    DUPLICATE_DEGREE,
    DUPLICATE_BOARD_CERTIFICATE,
    DUPLICATE_CASE_NUMBER,
)

INQUIRY_PROBLEMS: Final = (AS_OF_IN_FUTURE, *_OF_IDENTIFIERS, NPI_CHECK_DIGIT)
"""What a question about a doctor is refused with."""

REGISTRATION_PROBLEMS: Final = (UNPROCESSABLE, NPI_CHECK_DIGIT, DATE_ORDER, *_OF_RECORDS)
"""What registering a doctor is refused with."""

DOCTOR_PROBLEMS: Final = (*_OF_IDENTIFIERS, NPI_CHECK_DIGIT, *_OF_RECORDS)
"""The kinds that this group makes known."""
