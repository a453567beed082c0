"""The kinds of problem that the core itself answers with. Plugins add theirs through `register_problems`."""

from http import HTTPStatus
from typing import Final

from core.http.problems import VALIDATION_ERROR, ProblemType

MALFORMED_JSON: Final = ProblemType(
    "malformed_json",
    HTTPStatus.BAD_REQUEST,
    "The body is not acceptable JSON",
    "A body is one JSON object in UTF-8 without a byte order mark: no key twice in one object, no NaN or "
    "Infinity, no NUL character, no lone surrogate, nested at most 64 deep, at most 50 000 values.",
)
MALFORMED_BODY: Final = ProblemType(
    "malformed_body",
    HTTPStatus.BAD_REQUEST,
    "The body cannot be parsed",
    "A multipart body needs the boundary that its `Content-Type` announces, and well-formed parts.",
)
BAD_REQUEST: Final = ProblemType(
    "bad_request",
    HTTPStatus.BAD_REQUEST,
    "The request cannot be understood",
)
UNKNOWN_FIELD: Final = ProblemType(
    "unknown_field",
    HTTPStatus.BAD_REQUEST,
    "The body has a field that is not known here",
    "They are refused rather than ignored, so that a misspelt one is not lost in silence.",
)
MISSING_FIELD: Final = ProblemType(
    "missing_field",
    HTTPStatus.BAD_REQUEST,
    "The body lacks a required field",
)
UNKNOWN_PARAMETER: Final = ProblemType(
    "unknown_parameter",
    HTTPStatus.BAD_REQUEST,
    "The query has a parameter that is not known here",
    "They are refused rather than ignored, so that a misspelt filter never selects everything.",
)
REPEATED_PARAMETER: Final = ProblemType(
    "repeated_parameter",
    HTTPStatus.BAD_REQUEST,
    "A query parameter is given more than once",
)
INVALID_DATE: Final = ProblemType(
    "invalid_date",
    HTTPStatus.BAD_REQUEST,
    "A date is not a calendar date",
    "Dates are written `YYYY-MM-DD` (RFC 3339) and exist in the calendar.",
)
INVALID_DATETIME: Final = ProblemType(
    "invalid_datetime",
    HTTPStatus.BAD_REQUEST,
    "A time is not an RFC 3339 time",
    "Times are written in RFC 3339 with an offset, for example `2026-03-01T09:30:00Z`.",
)
INVALID_EMAIL: Final = ProblemType(
    "invalid_email",
    HTTPStatus.BAD_REQUEST,
    "An e-mail address is not deliverable as written",
)
HEADER_INJECTION: Final = ProblemType(
    "header_injection",
    HTTPStatus.BAD_REQUEST,
    "A value would break out of a mail header",
    "Subjects, names and addresses carry no line breaks, NUL characters or encoded words.",
)
FLOAT_MONEY: Final = ProblemType(
    "float_money",
    HTTPStatus.BAD_REQUEST,
    "An amount of money is a floating-point number",
    'Amounts are decimal strings ("29.99") or integers, because binary fractions cannot hold most of them.',
)
INVALID_CURSOR: Final = ProblemType(
    "invalid_cursor",
    HTTPStatus.BAD_REQUEST,
    "The cursor is not one of ours, or belongs to another list",
    "Cursors are opaque: pass `next_cursor` on as it is, with the same filters and order as before.",
)
INVALID_IDEMPOTENCY_KEY: Final = ProblemType(
    "invalid_idempotency_key",
    HTTPStatus.BAD_REQUEST,
    "The Idempotency-Key is not acceptable",
    "It is 1 to 255 printable ASCII characters, sent once.",
)
INVALID_HOST: Final = ProblemType(
    "invalid_host",
    HTTPStatus.BAD_REQUEST,
    "This host name is not served here",
)
AUTHENTICATION_REQUIRED: Final = ProblemType(
    "authentication_required",
    HTTPStatus.UNAUTHORIZED,
    "A valid credential is required",
)
FORBIDDEN: Final = ProblemType(
    "forbidden",
    HTTPStatus.FORBIDDEN,
    "The credential does not allow this",
)
CORS_REFUSED: Final = ProblemType(
    "cors_refused",
    HTTPStatus.FORBIDDEN,
    "A page of this origin may not send this request",
    "`cors_origins` in `[http]` lists the origins whose pages may, exactly as browsers write them.",
)
NOT_FOUND: Final = ProblemType(
    "not_found",
    HTTPStatus.NOT_FOUND,
    "There is nothing here",
    "It does not exist, or it is not yours to see.",
)
METHOD_NOT_ALLOWED: Final = ProblemType(
    "method_not_allowed",
    HTTPStatus.METHOD_NOT_ALLOWED,
    "The method is not supported here",
    "The `Allow` header of the answer lists the methods that are.",
)
NOT_ACCEPTABLE: Final = ProblemType(
    "not_acceptable",
    HTTPStatus.NOT_ACCEPTABLE,
    "Nothing that can be sent is acceptable to the client",
)
REQUEST_TIMEOUT: Final = ProblemType(
    "request_timeout",
    HTTPStatus.REQUEST_TIMEOUT,
    "The body arrived too slowly",
)
CONFLICT: Final = ProblemType(
    "conflict",
    HTTPStatus.CONFLICT,
    "The request conflicts with what is stored",
)
IDEMPOTENCY_IN_PROGRESS: Final = ProblemType(
    "idempotency_in_progress",
    HTTPStatus.CONFLICT,
    "A request with this Idempotency-Key is still running",
    "Wait as long as `Retry-After` says and send the same request again.",
)
STALE_VERSION: Final = ProblemType(
    "stale_version",
    HTTPStatus.PRECONDITION_FAILED,
    "The resource has changed since it was read",
    "Read it again and send its new `ETag` in `If-Match`.",
)
JOB_STATE_CONFLICT: Final = ProblemType(
    "job_state_conflict",
    HTTPStatus.CONFLICT,
    "The job is not in a state for this",
    "Dead jobs can be retried; jobs that wait, run or are parked can be cancelled.",
)
JOB_KEY_TAKEN: Final = ProblemType(
    "job_key_taken",
    HTTPStatus.CONFLICT,
    "Another job holds this job's unique key",
    "It was queued after this one died. Wait for it, or cancel it.",
)
PAYLOAD_TOO_LARGE: Final = ProblemType(
    "payload_too_large",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "The body is too large",
)
UNSUPPORTED_MEDIA_TYPE: Final = ProblemType(
    "unsupported_media_type",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "The body's media type is not supported here",
)
UNPROCESSABLE: Final = ProblemType(
    "unprocessable",
    HTTPStatus.UNPROCESSABLE_ENTITY,
    "A rule of the domain refuses the request",
)
IDEMPOTENCY_KEY_REUSED: Final = ProblemType(
    "idempotency_key_reused",
    HTTPStatus.UNPROCESSABLE_ENTITY,
    "This Idempotency-Key was used for another request",
    "A key stands for one request: the same method, path, query and body. Use a new one for a new request.",
)
PRECONDITION_REQUIRED: Final = ProblemType(
    "precondition_required",
    HTTPStatus.PRECONDITION_REQUIRED,
    "An If-Match header is required",
    "Read the resource and send its `ETag` in `If-Match`, so that no update is lost.",
)
HEAD_TOO_LARGE: Final = ProblemType(
    "head_too_large",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    "The request line and headers are too large",
    "At most 100 headers and 64 KB are taken, the address included. Cookies count.",
)
RATE_LIMITED: Final = ProblemType(
    "rate_limited",
    HTTPStatus.TOO_MANY_REQUESTS,
    "Too many requests",
    "Wait as long as `Retry-After` says. `RateLimit-Policy` states the limit.",
)
INTERNAL_ERROR: Final = ProblemType(
    "internal_error",
    HTTPStatus.INTERNAL_SERVER_ERROR,
    "Something went wrong on our side",
    "It has been recorded under the document's `request_id`.",
)
UPSTREAM_REJECTED: Final = ProblemType(
    "upstream_rejected",
    HTTPStatus.BAD_GATEWAY,
    "A service that we depend on refused",
)
OUTCOME_UNKNOWN: Final = ProblemType(
    "outcome_unknown",
    HTTPStatus.SERVICE_UNAVAILABLE,
    "A service that we depend on did not confirm",
    "It may or may not have happened. Look before you repeat it, or repeat it with the same Idempotency-Key.",
)
SERVICE_UNAVAILABLE: Final = ProblemType(
    "service_unavailable",
    HTTPStatus.SERVICE_UNAVAILABLE,
    "A service that we depend on is away",
    "Nothing was done. Wait as long as `Retry-After` says and try again.",
)
DEADLINE_EXCEEDED: Final = ProblemType(
    "deadline_exceeded",
    HTTPStatus.SERVICE_UNAVAILABLE,
    "It took too long",
    "It may or may not have happened. Wait as long as `Retry-After` says, then look, or repeat it with the same "
    "Idempotency-Key.",
)
OVERLOADED: Final = ProblemType(
    "overloaded",
    HTTPStatus.SERVICE_UNAVAILABLE,
    "There is more to do than can be done now",
    "Nothing was done. Wait as long as `Retry-After` says and try again.",
)
NOT_READY: Final = ProblemType(
    "not_ready",
    HTTPStatus.SERVICE_UNAVAILABLE,
    "This process cannot serve requests now",
    "`errors` names the required checks that fail.",
)
UNHEALTHY: Final = ProblemType(
    "unhealthy",
    HTTPStatus.SERVICE_UNAVAILABLE,
    "The service is unhealthy",
    "`errors` names the required checks that fail. Requests that do not need them may still be answered.",
)

ALL: Final = (
    VALIDATION_ERROR,
    *(value for name, value in list(globals().items()) if name.isupper() and name != "VALIDATION_ERROR"),
)
"""Every kind above, and `validation_error`."""

_BY_STATUS: Final = {
    kind.status: kind
    for kind in (
        BAD_REQUEST, AUTHENTICATION_REQUIRED, FORBIDDEN, NOT_FOUND, METHOD_NOT_ALLOWED, NOT_ACCEPTABLE,
        REQUEST_TIMEOUT, CONFLICT, STALE_VERSION, PAYLOAD_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, UNPROCESSABLE,
        PRECONDITION_REQUIRED, RATE_LIMITED, SERVICE_UNAVAILABLE,
    )
}  # fmt: skip


def kind_for_status(status: int) -> ProblemType:
    """Return the kind that says no more than `status` does."""
    if kind := _BY_STATUS.get(status):
        return kind
    return BAD_REQUEST if status < HTTPStatus.INTERNAL_SERVER_ERROR else INTERNAL_ERROR
