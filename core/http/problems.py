"""What a refusal looks like: the problem documents of RFC 9457.

Code that refuses raises `Problem` with a `ProblemType`; every other failure is turned into one at the outer
door (`core.http.problem_handlers`), so that whatever a client is refused with has one shape.
"""

from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec
from litestar.types import Scope
from opentelemetry import trace

PROBLEM_MEDIA_TYPE: Final = "application/problem+json"

TRACE_ID: Final = "trace_id"
"""Key in a request's state of the id of its trace, where it has no span."""


class ProblemType(msgspec.Struct, frozen=True):
    """A kind of problem, declared once and documented at `/problems/<code>`.

    Attributes:
        code: stable snake_case word for programs; also the last segment of the document's `type`.
        status: HTTP status that it is answered with.
        title: what went wrong, the same for every occurrence.
        description: for the page: what it means and what the client can do about it.
    """

    code: str
    status: int
    title: str
    description: str = ""

    @property
    def uri(self) -> str:
        """The document's `type`: a path on this server where this problem is described."""
        return f"/problems/{self.code}"


class Fault(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that is wrong with a request.

    Attributes:
        pointer: JSON Pointer into the body (`/items/0/quantity`, empty for the body itself), `?limit` for a
            query parameter, `header:If-Match` for a header.
        code: stable snake_case word for programs.
        message: one sentence for people.
        meta: figures that a program may want (`{"available": 2}`).
    """

    pointer: str
    code: str
    message: str
    meta: Mapping[str, Any] | None = None


class Problem(Exception):
    """Refuses a request: raise it anywhere below a handler.

    The unit of work of the request is rolled back. `detail` is one sentence about this occurrence, fit for
    the client's eyes; `headers` are sent with the answer.
    """

    def __init__(
        self,
        type: ProblemType,  # noqa: A002 - RFC 9457's word
        detail: str | None = None,
        *,
        faults: Iterable[Fault] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{type.code}: {detail or type.title}")
        self.type = type
        self.detail = detail
        self.faults = tuple(faults)
        self.headers = dict(headers or {})


class ProblemDocument(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of every refusal: RFC 9457, a stable `code`, the identifiers of the request, and all faults."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    instance: str
    request_id: str | None = None
    trace_id: str | None = None
    errors: tuple[Fault, ...] = ()


def problem_document(scope: Scope, kind: ProblemType, problem: Problem) -> ProblemDocument:
    """Return the document that tells the client of `problem` under the name of `kind`."""
    state = scope.get("state") or {}
    request_id, unobserved = state.get("request_id"), state.get(TRACE_ID)
    span = trace.get_current_span().get_span_context()
    return ProblemDocument(
        type=kind.uri,
        title=kind.title,
        status=kind.status,
        code=kind.code,
        detail=problem.detail or _detail_of(problem.faults) or kind.title,
        instance=scope["path"],
        request_id=str(request_id) if request_id else None,
        trace_id=format(span.trace_id, "032x") if span.is_valid else unobserved,
        errors=problem.faults,
    )


def _detail_of(faults: tuple[Fault, ...]) -> str:
    if not faults:
        return ""
    return faults[0].message if len(faults) == 1 else f"{len(faults)} faults were found."


VALIDATION_ERROR: Final = ProblemType(
    "validation_error",
    HTTPStatus.BAD_REQUEST,
    "The request does not fit its schema",
    "`errors` names every fault with a pointer to its place. Correct them all and send the request again.",
)


class ProblemRegistry:
    """Every kind of problem that this application can answer with, by code."""

    def __init__(self, kinds: Iterable[ProblemType] = ()) -> None:
        self._kinds: dict[str, ProblemType] = {}
        self.duplicates: list[str] = []
        for kind in kinds:
            self.add(kind)

    def add(self, kind: ProblemType) -> None:
        """Take `kind` in. A code that is already taken by another kind is noted in `duplicates`."""
        if self._kinds.setdefault(kind.code, kind) != kind:
            self.duplicates.append(kind.code)

    def get(self, code: str) -> ProblemType | None:
        """Return the kind with this code, or None."""
        return self._kinds.get(code)

    def __iter__(self) -> Iterator[ProblemType]:
        return iter(sorted(self._kinds.values(), key=lambda kind: kind.code))

    def kind_of(self, problem: Problem) -> ProblemType:
        """Return the kind that `problem` is answered with.

        A validation error all of whose faults share one code goes by that code where a kind of problem bears
        it with the same status: who sent one unknown field reads `unknown_field`, not `validation_error`.
        """
        codes = {fault.code for fault in problem.faults}
        if problem.type is not VALIDATION_ERROR or len(codes) != 1:
            return problem.type
        promoted = self._kinds.get(codes.pop())
        return promoted if promoted is not None and promoted.status == problem.type.status else problem.type
