"""The pages behind every problem document's `type`: what it means and what to do about it."""

from html import escape
from typing import Any, Final

import msgspec
from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from core.auth import PUBLIC
from core.http.openapi_links import leads
from core.http.problem_handlers import STATE_KEY
from core.http.problem_types import NOT_FOUND
from core.http.problems import Problem, ProblemRegistry, ProblemType

_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>
<body><main><h1>{title}</h1>{content}</main></body></html>
"""


class ProblemDescription(msgspec.Struct, frozen=True):
    """A kind of problem, described."""

    type: str
    code: str
    status: int
    title: str
    description: str


def _describe(kind: ProblemType) -> ProblemDescription:
    return ProblemDescription(kind.uri, kind.code, int(kind.status), kind.title, kind.description)


def _answer(request: Request[Any, Any, Any], described: Any, title: str, content: str) -> Response[Any]:
    """Answer with JSON to programs and with a page to browsers."""
    if request.accept.best_match(["application/json", "text/html"]) != "text/html":
        return Response(described, media_type="application/json", headers={"Vary": "Accept"})
    page = _PAGE.format(title=escape(title), content=content)
    return Response(page, media_type="text/html", headers={"Vary": "Accept"})


@get(
    "/problems",
    access=PUBLIC,
    tags=["problems"],
    leads_to=leads("problems_describe_problem", code="$response.body#/data/0/code"),
    sync_to_thread=False,
)
def list_problems(request: Request[Any, Any, Any]) -> Response[Any]:
    """List every kind of problem that this service answers with."""
    registry: ProblemRegistry = request.app.state[STATE_KEY]
    described = {"data": [_describe(kind) for kind in registry]}
    lines = (
        f'<li><a href="{escape(kind.uri)}">{escape(kind.code)}</a> ({int(kind.status)}): {escape(kind.title)}</li>'
        for kind in registry
    )
    return _answer(request, described, "Problems", f"<ul>{''.join(lines)}</ul>")


@get("/problems/{code:str}", access=PUBLIC, tags=["problems"], sync_to_thread=False)
def describe_problem(request: Request[Any, Any, Any], code: FromPath[str]) -> Response[Any]:
    """Describe one kind of problem."""
    registry: ProblemRegistry = request.app.state[STATE_KEY]
    kind = registry.get(code)
    if kind is None:
        raise Problem(NOT_FOUND)
    content = (
        f"<p>{escape(kind.description)}</p><p>Status {int(kind.status)}, code <code>{escape(kind.code)}</code>.</p>"
    )
    return _answer(request, _describe(kind), kind.title, content)


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (list_problems, describe_problem)
