"""The kinds of problem that this plugin answers with."""

from http import HTTPStatus
from typing import Final

from core.http.problem_types import UNPROCESSABLE
from core.http.problems import ProblemType

AS_OF_IN_FUTURE: Final = ProblemType(
    "as_of_in_future",
    HTTPStatus.BAD_REQUEST,
    "The date asked about has not come yet",
    "`as_of` may be at most tomorrow (UTC). `allow_future=true` asks how today's records would look by then.",
)

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
DATE_ORDER: Final = ProblemType(
    "date_order",
    HTTPStatus.UNPROCESSABLE_ENTITY,
    "Dates contradict one another or the calendar",
    "Nothing ends before it begins, and nobody is born in the future. `errors` names each place.",
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

SHARED_PROBLEMS: Final = (AS_OF_IN_FUTURE,)
INQUIRY_PROBLEMS: Final = (AS_OF_IN_FUTURE, MISSING_IDENTIFIER, IDENTIFIER_CONFLICT, DOCTOR_NOT_FOUND, NPI_CHECK_DIGIT)
"""What a question about a doctor is refused with."""

REGISTRATION_PROBLEMS: Final = (
    UNPROCESSABLE,
    NPI_CHECK_DIGIT,
    DATE_ORDER,
    INCONSISTENT_RECORD,
    DUPLICATE_DOCTOR_ID,
    DUPLICATE_LICENSE_NUMBER,
    DUPLICATE_NPI,
    DUPLICATE_DEGREE,
    DUPLICATE_BOARD_CERTIFICATE,
    DUPLICATE_CASE_NUMBER,
)
"""What registering a doctor is refused with."""

DOCTOR_PROBLEMS: Final = (
    MISSING_IDENTIFIER,
    IDENTIFIER_CONFLICT,
    DOCTOR_NOT_FOUND,
    NPI_CHECK_DIGIT,
    DATE_ORDER,
    INCONSISTENT_RECORD,
    DUPLICATE_DOCTOR_ID,
    DUPLICATE_LICENSE_NUMBER,
    DUPLICATE_NPI,
    DUPLICATE_DEGREE,
    DUPLICATE_BOARD_CERTIFICATE,
    DUPLICATE_CASE_NUMBER,
)
