"""The kinds of problem that questions to the journal are refused with."""

from http import HTTPStatus
from typing import Final

from core.http.problems import ProblemType

INVALID_CRITERIA: Final = ProblemType(
    "invalid_criteria",
    HTTPStatus.UNPROCESSABLE_ENTITY,
    "Nothing can be compared with these criteria",
    "Expressions are RE2's, so without back-references and look-around. Queries are those of RFC 9535 without `match` "
    "and `search`, with one root, and at most one `..` and three commas. `errors` names every place.",
)
JOURNAL_ENTRY_NOT_FOUND: Final = ProblemType(
    "journal_entry_not_found",
    HTTPStatus.NOT_FOUND,
    "The journal has no such entry",
    "It keeps the newest requests only; perhaps it had it once.",
)
SEARCH_TOO_BROAD: Final = ProblemType(
    "search_too_broad",
    HTTPStatus.UNPROCESSABLE_ENTITY,
    "Comparing every request with these criteria takes too long",
    "Give a method, a path, or the very value of a parameter: the database then leaves out most of the requests.",
)

JOURNAL_PROBLEMS: Final = (INVALID_CRITERIA, JOURNAL_ENTRY_NOT_FOUND, SEARCH_TOO_BROAD)
SEARCH_PROBLEMS: Final = (INVALID_CRITERIA, SEARCH_TOO_BROAD)
"""What a question with criteria is refused with."""
