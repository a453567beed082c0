"""Which refusals an operation answers with, as its OpenAPI responses say it.

Much follows from what the handler is: it takes a body or parameters, demands a credential, honours Idempotency-Key.
What its use case refuses, the route declares: `problems=(DOCTOR_NOT_FOUND, …)` on the handler, or in the `opt` of its
controller or router. A layer that refuses on behalf of many routes declares `overlay_problems`, which adds to theirs.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec
from litestar._kwargs import KwargsModel
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.spec import (
    OpenAPIHeader,
    OpenAPIMediaType,
    OpenAPIResponse,
    OpenAPIType,
    Parameter,
    Reference,
    Schema,
)

from core.auth import Access, Demand
from core.http import problem_types as kinds
from core.http.openapi_types import Noted
from core.http.problems import PROBLEM_MEDIA_TYPE, VALIDATION_ERROR, ProblemDocument, ProblemType

REQUEST_ID: Final = "RequestId"
"""Name of the header that every answer carries."""

_AWAY: Final = "ServiceUnavailable"
"""Name of the answer for whatever is away, too slow, too much or in doubt."""

_VALUES: Final = (kinds.INVALID_DATE, kinds.INVALID_DATETIME, kinds.INVALID_EMAIL, kinds.HEADER_INJECTION)
_QUERY: Final = (kinds.BAD_REQUEST, kinds.UNKNOWN_PARAMETER)
_PARAMETERS: Final = (VALIDATION_ERROR, kinds.REPEATED_PARAMETER, *_VALUES)
_BODY: Final = (
    VALIDATION_ERROR,
    kinds.MALFORMED_JSON,
    kinds.UNKNOWN_FIELD,
    kinds.MISSING_FIELD,
    *_VALUES,
    kinds.FLOAT_MONEY,
    kinds.REQUEST_TIMEOUT,
    kinds.PAYLOAD_TOO_LARGE,
    kinds.UNSUPPORTED_MEDIA_TYPE,
)
_KEY: Final = (kinds.INVALID_IDEMPOTENCY_KEY, kinds.IDEMPOTENCY_IN_PROGRESS, kinds.IDEMPOTENCY_KEY_REUSED)
_UNAVAILABLE: Final = (
    kinds.SERVICE_UNAVAILABLE,
    kinds.OUTCOME_UNKNOWN,
    kinds.DEADLINE_EXCEEDED,
    kinds.OVERLOADED,
)
_ANYWHERE: Final = (kinds.AUTHENTICATION_REQUIRED, kinds.INTERNAL_ERROR, *_UNAVAILABLE)
"""A credential that is nobody's is refused where everybody may come in, too."""

_SHARED: Final = (
    kinds.AUTHENTICATION_REQUIRED,
    kinds.INTERNAL_ERROR,
    kinds.FORBIDDEN,
    kinds.NOT_FOUND,
    kinds.REQUEST_TIMEOUT,
    kinds.PAYLOAD_TOO_LARGE,
    kinds.UNSUPPORTED_MEDIA_TYPE,
    kinds.RATE_LIMITED,
    kinds.IDEMPOTENCY_IN_PROGRESS,
    kinds.IDEMPOTENCY_KEY_REUSED,
)

_ANSWERING: Final = frozenset({"uow", "steps"})
"""The services that look at the Idempotency-Key."""

_STRING: Final = Schema(type=OpenAPIType.STRING)
_RETRY_AFTER: Final = OpenAPIHeader(description="Seconds to wait.", schema=Schema(type=OpenAPIType.INTEGER))
RATE_LIMIT_HEADERS: Final = {
    "RateLimit": OpenAPIHeader(description="What is left, and for how long.", schema=_STRING),
    "RateLimit-Policy": OpenAPIHeader(description="The limit and its window.", schema=_STRING),
}
"""What every answer of a limited operation says."""

_HEADERS: Final[dict[ProblemType, dict[str, OpenAPIHeader]]] = {
    kinds.AUTHENTICATION_REQUIRED: {"WWW-Authenticate": OpenAPIHeader(description="RFC 9110, 11.6.1.", schema=_STRING)},
    kinds.RATE_LIMITED: {"Retry-After": _RETRY_AFTER, **RATE_LIMIT_HEADERS},
    **{kind: {"Retry-After": _RETRY_AFTER} for kind in _UNAVAILABLE},
    kinds.NOT_READY: {"Retry-After": _RETRY_AFTER},
    kinds.UNHEALTHY: {"Retry-After": _RETRY_AFTER},
    kinds.IDEMPOTENCY_IN_PROGRESS: {"Retry-After": _RETRY_AFTER},
}


class Endpoint(msgspec.Struct, frozen=True):
    """One method of one path, and what answers it; `counted` where each client's requests to it are limited."""

    method: str
    path: str
    handler: HTTPRouteHandler
    kwargs: KwargsModel
    counted: bool = False

    @property
    def is_limited(self) -> bool:
        """Whether a rate limit holds."""
        return self.counted or "rate_limit" in self.handler.opt

    @property
    def access(self) -> Access | None:
        """What the route demands."""
        access: Access | None = self.handler.opt.get("access")
        return access

    @property
    def overlay_parameters(self) -> Mapping[str, Parameter]:
        """Headers that a layer around the route understands: its `opt` names them `overlay_parameters`."""
        parameters: Mapping[str, Parameter] = self.handler.opt.get("overlay_parameters", {})
        return parameters

    @property
    def has_body(self) -> bool:
        """Whether it takes a body."""
        return "data" in self.handler.parsed_fn_signature.parameters

    @property
    def honours_key(self) -> bool:
        """Whether it honours Idempotency-Key."""
        needed = {dependency.key for batch in self.kwargs.dependency_batches for dependency in batch}
        is_keyed = self.method == "POST" and self.handler.opt.get("idempotency") != "none"
        return is_keyed and bool(needed & _ANSWERING)


def refusals(endpoint: Endpoint) -> dict[str, OpenAPIResponse | Reference]:
    """Return the responses with which `endpoint` refuses, by status."""
    by_status: dict[int, dict[str, ProblemType]] = {}
    for kind in _problems(endpoint):
        by_status.setdefault(int(kind.status), {})[kind.code] = kind
    return {str(status): _answer(by_status[status].values()) for status in sorted(by_status)}


def shared_refusals() -> dict[str, OpenAPIResponse | Reference]:
    """Return the responses that operations refer to, by name: those of the core's own."""
    return {**{_name(kind): _refusal([kind]) for kind in _SHARED}, _AWAY: _refusal(_UNAVAILABLE)}


def _answer(problems: Collection[ProblemType]) -> OpenAPIResponse | Reference:
    [first, *others] = problems
    if set(problems) == set(_UNAVAILABLE):
        return Reference(ref=f"#/components/responses/{_AWAY}")
    if not others and first in _SHARED:
        return Reference(ref=f"#/components/responses/{_name(first)}")
    return _refusal(problems)


def _name(kind: ProblemType) -> str:
    return kind.code.title().replace("_", "")


def _problems(endpoint: Endpoint) -> Iterator[ProblemType]:
    opt = endpoint.handler.opt
    yield from opt.get("problems", ())
    yield from opt.get("overlay_problems", ())
    yield from _ANYWHERE
    if endpoint.access is not None and endpoint.access.demand is Demand.SCOPE:
        yield kinds.FORBIDDEN
    if endpoint.path.startswith("/api/") and not opt.get("any_query"):
        yield from _QUERY
    if endpoint.kwargs.expected_query_params or endpoint.kwargs.expected_header_params:
        yield from _PARAMETERS
    if any(parameter.field_alias == "cursor" for parameter in endpoint.kwargs.expected_query_params):
        yield kinds.INVALID_CURSOR
    if endpoint.has_body:
        yield from _BODY
    if endpoint.honours_key:
        yield from _KEY
    if "{" in endpoint.path:
        yield kinds.NOT_FOUND
    if endpoint.is_limited:
        yield kinds.RATE_LIMITED


def _refusal(problems: Iterable[ProblemType]) -> OpenAPIResponse:
    """Describe one status: which codes there are, in the words of their titles and in the schema."""
    listed = sorted(problems, key=lambda kind: kind.code)
    status = int(listed[0].status)
    codes: list[Any] = [kind.code for kind in listed]
    headers = {name: header for kind in listed for name, header in _HEADERS.get(kind, {}).items()}
    document = Schema(
        all_of=[Noted(kind=ProblemDocument)],
        properties={"status": Schema(const=status), "code": Schema(enum=codes)},
    )
    return OpenAPIResponse(
        description="\n".join(f"- `{kind.code}`: {kind.title}." for kind in listed),
        content={PROBLEM_MEDIA_TYPE: OpenAPIMediaType(schema=document)},
        headers={**headers, **request_id()},
    )


def request_id() -> dict[str, OpenAPIHeader | Reference]:
    """Return the header that every answer carries."""
    return {"X-Request-Id": Reference(ref=f"#/components/headers/{REQUEST_ID}")}
