"""Litestar's answers to input that it cannot parse, put right.

It answers 400 to a form of too many parts, 500 to a client that leaves while it sends, and an IndexError (so 500) to
a form without parts or boundary.
"""

from types import TracebackType
from typing import Final

from litestar.exceptions import HTTPException

from core.http import problem_types as kinds
from core.http.problems import Problem

_FORM_PARSER: Final = frozenset({"_extract_multipart", "parse_multipart_form"})

_KINDS: Final = {
    "Request Entity Too Large": kinds.PAYLOAD_TOO_LARGE,
    "Invalid multipart/form-data": kinds.MALFORMED_BODY,
    "Unexpected eof in multipart/form-data": kinds.MALFORMED_BODY,
    "Invalid host header": kinds.INVALID_HOST,
    "client disconnected prematurely": kinds.BAD_REQUEST,
}


def misnamed(exc: HTTPException) -> Problem | None:
    """Return the problem that one of Litestar's refusals really is, where its status tells less or wrongly."""
    kind = _KINDS.get(exc.detail)
    return Problem(kind) if kind is not None else None


def raised_by_form_parser(exc: Exception) -> bool:
    """Tell whether `exc` is what Litestar's form parser tripped over in the client's input."""
    return isinstance(exc, LookupError | ValueError) and _passes_form_parser(exc.__traceback__)


def _passes_form_parser(traceback: TracebackType | None) -> bool:
    while traceback is not None:
        if traceback.tb_frame.f_code.co_name in _FORM_PARSER:
            return True
        traceback = traceback.tb_next
    return False
