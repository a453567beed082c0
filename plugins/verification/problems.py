"""The kinds of problem that more than one group of routes answers with."""

from http import HTTPStatus
from typing import Final

from core.http.problems import ProblemType

AS_OF_IN_FUTURE: Final = ProblemType(
    "as_of_in_future",
    HTTPStatus.BAD_REQUEST,
    "The date asked about has not come yet",
    "`as_of` may be at most tomorrow (UTC). `allow_future=true` asks how today's records would look by then.",
)
DATE_ORDER: Final = ProblemType(
    "date_order",
    HTTPStatus.UNPROCESSABLE_ENTITY,
    "Dates contradict one another or the calendar",
    "Nothing ends before it begins, and nobody is born in the future. `errors` names each place.",
)

SHARED_PROBLEMS: Final = (AS_OF_IN_FUTURE, DATE_ORDER)
