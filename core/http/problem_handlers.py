"""The outer door for failures: whatever was raised, the client gets a problem document.

Nothing of ours leaks through it: no class name, no SQL, no path, no text of a library.
"""

import logging
import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final
from weakref import ref

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.types import ExceptionHandlersMap, Scope, Send

from core.http import problem_types as kinds
from core.http.idempotency import Replay
from core.http.malformed import misnamed, raised_by_form_parser
from core.http.methods import allow_header
from core.http.parameters import explain_validation
from core.http.problems import PROBLEM_MEDIA_TYPE, Problem, ProblemRegistry, problem_document
from core.telemetry.security import PROBLEM_CODE
from ports.errors import OutcomeUnknown, PortError, Unavailable

logger = logging.getLogger(__name__)

RETRY_AFTER: Final = 1.0
"""Seconds to wait that a client is told where nobody knows better."""

STATE_KEY: Final = "problems"
"""Where the application's state holds its ProblemRegistry."""

ERROR_TYPE: Final = "error_type"
"""Where the request's state tells telemetry the class of what became a 5xx."""

_RENDERED: Final = "rendered_problem"


class RenderedProblem(msgspec.Struct, frozen=True):
    """A problem as it goes over the wire."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def render(scope: Scope, registry: ProblemRegistry, problem: Problem) -> RenderedProblem:
    """Return the answer to `problem`.

    It is made once a request: a second call for the same problem returns the same bytes, so that what was stored
    for an Idempotency-Key is what was sent.
    """
    state = scope.setdefault("state", {})
    known: tuple[ref[Problem], RenderedProblem] | None = state.get(_RENDERED)
    if known is not None and known[0]() is problem:
        return known[1]
    kind = registry.kind_of(problem)
    headers = dict(problem.headers)
    if kind.status == HTTPStatus.UNAUTHORIZED:
        headers.setdefault("WWW-Authenticate", "Bearer")
    rendered = RenderedProblem(kind.status, headers, msgspec.json.encode(problem_document(scope, kind, problem)))
    # Weakly: the problem's trace holds the frames that hold the scope, and a body with them until the collector runs.
    state[_RENDERED] = (ref(problem), rendered)
    state[PROBLEM_CODE] = kind.code
    return rendered


async def send_problem(scope: Scope, send: Send, registry: ProblemRegistry, problem: Problem) -> None:
    """Answer with `problem` from outside of Litestar: for what is refused before a request is routed."""
    rendered = render(scope, registry, problem)
    headers = {**rendered.headers, "Content-Type": PROBLEM_MEDIA_TYPE, "Content-Length": str(len(rendered.body))}
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": rendered.status, "headers": raw})
    await send({"type": "http.response.body", "body": rendered.body, "more_body": False})


def problem_handlers(registry: ProblemRegistry) -> ExceptionHandlersMap:
    """Return the application's exception handlers: one for everything."""

    def handle(request: Request[Any, Any, Any], exc: Exception) -> Response[bytes]:
        exc = _first_of(exc)
        if isinstance(exc, Replay):
            if metrics := request.app.state.get("metrics"):
                metrics.idempotency(hit=True)
            return _again(exc)
        rendered = render(request.scope, registry, as_problem(request, exc))
        if rendered.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            request.scope["state"][ERROR_TYPE] = type(exc).__qualname__
        return Response(
            content=rendered.body,
            status_code=rendered.status,
            headers=rendered.headers,
            media_type=PROBLEM_MEDIA_TYPE,
        )

    return {Exception: handle}


def _first_of(exc: Exception) -> Exception:
    """Return the exception that counts: the clean-up of a request wraps what it raises into a group."""
    return _first_of(exc.exceptions[0]) if isinstance(exc, ExceptionGroup) else exc


def _again(replay: Replay) -> Response[bytes]:
    answer = replay.answer
    return Response(
        content=answer.body,
        status_code=answer.status,
        headers={**answer.headers, "Idempotent-Replayed": "true"},
    )


def as_problem(request: Request[Any, Any, Any], exc: Exception) -> Problem:
    """Return what the client is told of `exc`; log it, once, where the fault is ours."""
    match exc:
        case Problem():
            if exc.type.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                logger.error("a request was refused as %s", exc.type.code, exc_info=exc)
            return exc
        case PortError():
            return _of_port_error(exc)
        case HTTPException():
            return _of_http_exception(request, exc)
    if raised_by_form_parser(exc):
        return Problem(kinds.MALFORMED_BODY)
    logger.error("a request failed", exc_info=exc)
    return Problem(kinds.INTERNAL_ERROR)


def _of_port_error(exc: PortError) -> Problem:
    logger.error("a dependency failed", exc_info=exc)
    match exc:
        case Unavailable():
            wait = RETRY_AFTER if exc.retry_after is None else exc.retry_after
            return Problem(kinds.SERVICE_UNAVAILABLE, headers=_after(wait))
        case OutcomeUnknown():
            return Problem(kinds.OUTCOME_UNKNOWN, headers=_after(RETRY_AFTER))
    return Problem(kinds.UPSTREAM_REJECTED)


def _after(seconds: float) -> dict[str, str]:
    return {"Retry-After": str(math.ceil(seconds))}


def _of_http_exception(request: Request[Any, Any, Any], exc: HTTPException) -> Problem:
    """Translate Litestar's own refusals. Its texts for 400 and 5xx quote the parser or the address: dropped."""
    if known := misnamed(exc):
        return known
    if isinstance(exc, ValidationException):
        return explain_validation(request, exc)
    if exc.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.error("a request failed", exc_info=exc)
    kind = kinds.kind_for_status(exc.status_code)
    headers = {str(name): str(value) for name, value in (exc.headers or {}).items()}
    if kind is kinds.METHOD_NOT_ALLOWED:
        headers = {"Allow": allow_header(_methods_of(headers))}
    is_ours = kind is kinds.BAD_REQUEST or kind.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    says_more = not is_ours and exc.detail != HTTPStatus(exc.status_code).phrase
    return Problem(kind, exc.detail if says_more else None, headers=headers)


def _methods_of(headers: Mapping[str, str]) -> set[str]:
    listed = next((value for name, value in headers.items() if name.lower() == "allow"), "")
    return {method.strip() for method in listed.split(",") if method.strip()}
