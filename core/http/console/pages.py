"""The console's routes: the pages, signing in and out, and the forms that retry and cancel jobs."""

from typing import Any, Final
from uuid import UUID

from litestar import Request, Response, Router, get, post
from litestar.params import FromPath
from litestar.response import Redirect, Template
from litestar.status_codes import HTTP_200_OK, HTTP_303_SEE_OTHER

from core.auth import PUBLIC, Principal, scope
from core.http.console.guard import (
    content_security_policy,
    require_own_form,
    session_cookie,
    shown_session,
    stylesheet,
)
from core.http.console.one_time_login import login_nonce
from core.http.console.overview import overview
from core.http.console.retrying import Choice, retry_chosen, retry_page
from core.http.console.selection import Selection
from core.http.console.sessions import ConsoleSessions
from core.http.injected import Injected
from core.http.jobs import cancel, retry
from core.http.problem_handlers import as_problem
from core.http.problem_types import AUTHENTICATION_REQUIRED, BAD_REQUEST
from core.http.problems import Problem, ProblemType
from core.http.rate_limit import RateLimit
from core.injection import Services
from core.jobs.admin import JobAdmin
from core.keys import key_ring

Page = Request[Any, Any, Any]

SIGN_IN: Final = RateLimit("console-login", 20, per=60)
WRITE: Final = scope("jobs:write")

_MISSING: Final = "Enter the admin key."
_REFUSED: Final = "That is not the admin key."
_USED_UP: Final = "This link has been used, or is older than 15 minutes. Sign in with the admin key."


@get("/", access=PUBLIC)
async def console(request: Page, services: Injected[Services], principal: Injected[Principal]) -> Template:
    """Show what runs here and how it fares."""
    selection = Selection.of(request.query_params)
    return _page("console", {"view": await overview(request, services, principal, selection)})


@get("/login", access=PUBLIC, rate_limit=SIGN_IN)
async def login(request: Page, services: Injected[Services]) -> Response[Any]:
    """Open a session by the one-time URL; without a token, ask for the admin key."""
    token = request.query_params.get("token")
    if token is None:
        return _page("login", {"refused": ""})
    nonce = login_nonce(token, key_ring(services.config), services.clock.now())
    opened = await ConsoleSessions(services).open(login=nonce) if nonce else None
    if opened is None:
        return _refused(request, AUTHENTICATION_REQUIRED, _USED_UP)
    return _signed_in(request, services, opened)


@post("/login", access=PUBLIC, rate_limit=SIGN_IN, idempotency="none", status_code=HTTP_200_OK)
async def login_by_key(request: Page, services: Injected[Services]) -> Response[Any]:
    """Open a session by the admin key."""
    form = await request.form()
    sessions = ConsoleSessions(services)
    if not sessions.is_admin_key(str(form.get("key", ""))):
        if "key" not in form:
            return _refused(request, BAD_REQUEST, _MISSING)
        return _refused(request, AUTHENTICATION_REQUIRED, _REFUSED)
    require_own_form(request, services.config)
    opened = await sessions.open()
    assert opened is not None, "only a one-time login can be used up"  # noqa: S101 - for the type checker
    return _signed_in(request, services, opened)


@post("/logout", access=PUBLIC, idempotency="none", status_code=HTTP_303_SEE_OTHER)
async def logout(request: Page, services: Injected[Services]) -> Redirect:
    """End the session."""
    token = shown_session(request)
    if token:
        await ConsoleSessions(services).end(token)
    return _back(cookies=[session_cookie(request, services.config, None)])


@post("/console/jobs/{job_id:uuid}/retry", access=WRITE, idempotency="none", status_code=HTTP_303_SEE_OTHER)
async def retry_job(request: Page, services: Injected[Services], job_id: FromPath[UUID]) -> Redirect:
    """Queue a dead job again."""
    await retry(JobAdmin(services.storage, services.bell), job_id)
    return _back(Selection.of(request.query_params))


@get("/console/jobs/retry", access=WRITE)
async def dead_jobs(request: Page, services: Injected[Services]) -> Template:
    """Show what is dead, and offer to have it tried again."""
    plugin = Selection.of(request.query_params).plugin
    return _page("retry", {"view": await retry_page(services, plugin)})


@post("/console/jobs/retry", access=WRITE, idempotency="none", status_code=HTTP_200_OK)
async def retry_dead_jobs(request: Page, services: Injected[Services]) -> Template:
    """Queue dead jobs again, as many as one click may, and say how many that were and how many are left."""
    choice = Choice.of((await request.form()).multi_items())
    outcome = await retry_chosen(services, choice)
    return _page("retry", {"view": await retry_page(services, choice.plugin, outcome)})


@post("/console/jobs/{job_id:uuid}/cancel", access=WRITE, idempotency="none", status_code=HTTP_303_SEE_OTHER)
async def cancel_job(request: Page, services: Injected[Services], job_id: FromPath[UUID]) -> Redirect:
    """Make a job dead that waits or runs."""
    await cancel(JobAdmin(services.storage), job_id)
    return _back(Selection.of(request.query_params))


def refusal(request: Page, exc: Exception) -> Response[Any]:
    """Answer browsers with a page that says what went wrong, and programs with the problem document."""
    if not _wants_a_page(request):
        handle: Any = request.app.exception_handlers[Exception]
        answer: Response[Any] = handle(request, exc)
        return answer
    problem = as_problem(request, exc)
    context = {"problem": problem, "anonymous": problem.type is AUTHENTICATION_REQUIRED}
    return _page("refusal", context, problem.type.status, problem.headers)


def _refused(request: Page, kind: ProblemType, why: str) -> Template:
    """Ask a browser again, having said why; programs get the problem."""
    if not _wants_a_page(request):
        raise Problem(kind, why)
    return _page("login", {"refused": why}, kind.status)


def _wants_a_page(request: Page) -> bool:
    return request.accept.best_match(["application/problem+json", "text/html"]) == "text/html"


def _page(name: str, context: dict[str, Any], status: int = HTTP_200_OK, headers: Any = None) -> Template:
    return Template(
        f"core/{name}.html",
        context={"stylesheet": stylesheet(), **context},
        status_code=status,
        headers={**(headers or {}), "Content-Security-Policy": content_security_policy()},
    )


def _signed_in(request: Page, services: Services, token: str) -> Redirect:
    return _back(cookies=[session_cookie(request, services.config, token)])


def _back(selection: Selection | None = None, cookies: Any = None) -> Redirect:
    query = selection.query() if selection else ""
    return Redirect(f"/{query}#jobs" if query else "/", status_code=HTTP_303_SEE_OTHER, cookies=cookies)


def console_routes() -> Router:
    """Return the console's routes: they accept the console's session, and a user's where that is an administrator's."""
    return Router(
        path="/",
        route_handlers=[console, login, login_by_key, logout, retry_job, dead_jobs, retry_dead_jobs, cancel_job],
        opt={"cookies": ("console", "session")},
        exception_handlers={Exception: refusal},
        include_in_schema=False,
    )
