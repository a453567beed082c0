"""The routes of scenarios."""

from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, get, post, put
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.status_codes import HTTP_200_OK

from core.http.injected import Injected
from core.http.openapi_links import leads
from core.http.pagination import DEFAULT_LIMIT, Cursor, Cursors, Limit, Page, with_links
from core.unit_of_work import UnitOfWork
from plugins.verification.stub import problems
from plugins.verification.stub.queries.scenarios import InstanceRow
from plugins.verification.stub.routes.paging import LINKS
from plugins.verification.stub.schemas.scenarios import ScenarioOut, ScenarioResetOut, StateIn
from plugins.verification.stub.service import scenarios
from ports.storage import Storage

SORT: Final = "name"

OnlyName = Annotated[
    str | None, QueryParameter(description="Only this scenario.", max_length=100, pattern="^[A-Za-z0-9._-]+$")
]


class Place(msgspec.Struct, frozen=True):
    """Where in the list a cursor stands."""

    name: str


@get(
    "/scenarios",
    summary="List scenarios and their states",
    leads_to=leads("stub_put_state", name="$response.body#/data/0/name"),
    response_headers=LINKS,
)
async def list_scenarios(
    request: Request[Any, Any, Any],
    storage: Injected[Storage],
    cursors: Injected[Cursors],
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Response[Page[ScenarioOut]]:
    """Return the scenarios in alphabetical order, each with its possible states and the keys for which it has begun."""
    place = cursors.read(cursor, kind=Place, sort=SORT, filters={})
    found = await scenarios.page(storage, place.name if place else None, limit + 1)
    return with_links(request, cursors.page(found, limit, key=lambda each: (each.name,), sort=SORT, filters={}))


@put(
    "/scenarios/{name:str}/state",
    summary="Put a scenario into a state",
    problems=(problems.STUB_SCENARIO_NOT_FOUND, problems.UNKNOWN_STUB_STATE),
)
async def put_state(data: JSONBody[StateIn], uow: Injected[UnitOfWork], name: FromPath[str]) -> InstanceRow:
    """Put the scenario into a state, for one key."""
    return await scenarios.put_state(uow, name, data)


@post("/scenarios/reset", summary="Set scenarios back to their first state", status_code=HTTP_200_OK)
async def reset_scenarios(uow: Injected[UnitOfWork], name: OnlyName = None) -> ScenarioResetOut:
    """Set every key of one scenario, or of all, back to the first state."""
    return await scenarios.reset(uow, name)


SCENARIO_ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (list_scenarios, put_state, reset_scenarios)
