"""What was asked of the stubs: `/api/v1/_stub/requests`."""

from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Request, Response, Router, delete, get, post
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.status_codes import HTTP_200_OK

from core.auth import scope
from core.http.dependencies import Service
from core.http.injected import Injected
from core.http.openapi_links import leads
from core.http.pagination import DEFAULT_LIMIT, Cursor, Cursors, Limit, Page, with_links
from core.http.values import Timestamp
from plugins.verification.stub.journal_problems import JOURNAL_ENTRY_NOT_FOUND, SEARCH_PROBLEMS
from plugins.verification.stub.queries.journal import FORGET_ALL, JournalFilters
from plugins.verification.stub.routes.paging import CURSORS, LINKS
from plugins.verification.stub.rules.criteria import Criteria
from plugins.verification.stub.schemas.journal import CountOut, JournalCheck, JournalCheckOut, JournalEntryOut
from plugins.verification.stub.service import recorded
from plugins.verification.stub.service.circle import JournalCircle
from plugins.verification.stub.service.control import control_of
from plugins.verification.stub.service.search import SEARCH_SECONDS, Search
from plugins.verification.stub.service.search_room import WAIT_SECONDS, SearchRoom
from ports.storage import Storage

ONE_REQUEST: Final = leads(
    "stub_journal_show_request", "stub_journal_forget_request", entry_id="$response.body#/data/0/id"
)
WantedMethod = Annotated[str | None, QueryParameter(max_length=32, description="The method, in capitals.")]
WantedPath = Annotated[str | None, QueryParameter(max_length=512, description="The very path, without the query.")]
WantedStatus = Annotated[int | None, QueryParameter(ge=100, le=599, description="The status of the answer.")]
WantedSession = Annotated[str | None, QueryParameter(max_length=64, description="`X-Stub-Session`.")]
Since = Annotated[Timestamp | None, QueryParameter(description="Those that came then or later.")]
Matched = Annotated[bool | None, QueryParameter(description="Whether a rule answered, or the real handler.")]


@get("/requests", summary="List what was asked", response_headers=LINKS, leads_to=ONE_REQUEST)
async def list_requests(
    request: Request[Any, Any, Any],
    storage: Injected[Storage],
    circle: Injected[JournalCircle],
    cursors: Injected[Cursors],
    method: WantedMethod = None,
    path: WantedPath = None,
    status: WantedStatus = None,
    session: WantedSession = None,
    since: Since = None,
    matched: Matched = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Response[Page[JournalEntryOut]]:
    """List the requests of the three groups that the journal holds, the newest first."""
    filters = JournalFilters(method=method, path=path, status=status, session=session, since=since, matched=matched)
    await circle.gather()
    return with_links(request, await recorded.entries(storage, cursors, filters, cursor, limit))


@get(
    "/requests/{entry_id:uuid}",
    summary="Show one request",
    problems=(JOURNAL_ENTRY_NOT_FOUND,),
    leads_to=leads("stub_journal_forget_request", entry_id="$response.body#/id"),
)
async def show_request(
    storage: Injected[Storage], circle: Injected[JournalCircle], entry_id: FromPath[UUID]
) -> JournalEntryOut:
    """Show one request."""
    await circle.gather()
    return await recorded.entry(storage, entry_id)


@delete("/requests", summary="Empty the journal")
async def forget_requests(storage: Injected[Storage], circle: Injected[JournalCircle]) -> None:
    """Delete every entry."""
    await circle.gather()
    await storage.execute(FORGET_ALL)


@delete("/requests/{entry_id:uuid}", summary="Forget one request", problems=(JOURNAL_ENTRY_NOT_FOUND,))
async def forget_request(storage: Injected[Storage], circle: Injected[JournalCircle], entry_id: FromPath[UUID]) -> None:
    """Delete one entry."""
    await circle.gather()
    await recorded.forget(storage, entry_id)


@post(
    "/requests/count",
    summary="Count what was asked",
    problems=SEARCH_PROBLEMS,
    idempotency="none",
    status_code=HTTP_200_OK,
)
async def count_requests(
    data: JSONBody[Criteria], storage: Injected[Storage], circle: Injected[JournalCircle], room: Injected[SearchRoom]
) -> CountOut:
    """Tell how many requests match the criteria."""
    search = Search(storage, room, data)
    await circle.gather()
    return CountOut(await search.count())


@post(
    "/requests/find",
    summary="Find what was asked",
    leads_to=ONE_REQUEST,
    problems=SEARCH_PROBLEMS,
    idempotency="none",
    status_code=HTTP_200_OK,
    response_headers=LINKS,
)
async def find_requests(
    request: Request[Any, Any, Any],
    data: JSONBody[Criteria],
    storage: Injected[Storage],
    circle: Injected[JournalCircle],
    room: Injected[SearchRoom],
    cursors: Injected[Cursors],
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Response[Page[JournalEntryOut]]:
    """List the requests that match the criteria, the newest first; the next page takes the same criteria."""
    await circle.gather()
    return with_links(request, await recorded.find(storage, room, cursors, data, cursor, limit))


@post(
    "/requests/verify",
    summary="Verify what was asked",
    problems=SEARCH_PROBLEMS,
    idempotency="none",
    status_code=HTTP_200_OK,
)
async def verify_requests(
    data: JSONBody[JournalCheck],
    storage: Injected[Storage],
    circle: Injected[JournalCircle],
    room: Injected[SearchRoom],
) -> JournalCheckOut:
    """Tell whether matching requests came as often as they were to, and which others came closest."""
    await circle.gather()
    return await recorded.check(storage, room, data)


def journal_routes() -> Router:
    """Return the routes of the journal, for whoever controls the stubs."""
    handlers: list[Any] = [
        list_requests,
        show_request,
        forget_requests,
        forget_request,
        count_requests,
        find_requests,
        verify_requests,
    ]
    return Router(
        path="/api/v1/_stub",
        route_handlers=handlers,
        dependencies={
            "circle": Service(lambda connection: control_of(connection.app.state.services).circle),
            "room": Service(lambda connection: control_of(connection.app.state.services).search_room),
            "cursors": CURSORS,
        },
        opt={"access": scope("stub:admin"), "deadline": WAIT_SECONDS + SEARCH_SECONDS + 5},
        tags=["stub journal"],
    )
