"""The routes of rules."""

from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Request, Response, delete, get, post, put
from litestar.datastructures import ResponseHeader
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.status_codes import HTTP_200_OK

from core.http.injected import Injected
from core.http.openapi_links import leads
from core.http.pagination import DEFAULT_LIMIT, Cursor, Cursors, Limit, Page, with_links
from core.unit_of_work import UnitOfWork
from plugins.verification.settings import Settings
from plugins.verification.stub import problems
from plugins.verification.stub.routes.paging import LINKS
from plugins.verification.stub.schemas.stub_rules import ImportOut, ResetOut, RuleExport, RuleIn, RuleOut
from plugins.verification.stub.service import stub_rules as rules
from ports.storage import Storage

SORT: Final = "-position"
ONE_RULE: Final = ("stub_show_rule", "stub_replace_rule", "stub_delete_rule")
THIS: Final = {"rule_id": "$response.body#/id"}

ReplaceAll = Annotated[bool, QueryParameter(description="Whether the rules that are there are deleted first.")]


class Place(msgspec.Struct, frozen=True):
    """Where in the list a cursor stands."""

    position: int


@get(
    "/rules",
    summary="List the rules that overlay answers",
    leads_to=leads(*ONE_RULE, rule_id="$response.body#/data/0/id"),
    response_headers=LINKS,
)
async def list_rules(
    request: Request[Any, Any, Any],
    storage: Injected[Storage],
    cursors: Injected[Cursors],
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Response[Page[RuleOut]]:
    """Return the rules, the newest first."""
    place = cursors.read(cursor, kind=Place, sort=SORT, filters={})
    rows = await rules.page(storage, place.position if place else None, limit + 1)
    page = cursors.page(rows, limit, key=lambda row: (row.position,), sort=SORT, filters={})
    return with_links(request, Page([rules.rule_out(row) for row in page.data], page.page))


@post(
    "/rules",
    summary="Overlay answers with a rule",
    leads_to=leads(*ONE_RULE, **THIS),
    problems=(problems.INVALID_STUB_RULE, problems.STUB_RULES_FULL),
    response_headers=[ResponseHeader("Location", documentation_only=True, description="Where the rule is.")],
)
async def add_rule(
    data: JSONBody[RuleIn], uow: Injected[UnitOfWork], settings: Injected[Settings]
) -> Response[RuleOut]:
    """Save a rule. This process answers by it before it answers this request; the others learn of it at once."""
    rule = await rules.add(uow, settings.stub, data)
    return Response(rule, headers={"Location": f"/api/v1/_stub/rules/{rule.id}"})


@get("/rules/export", summary="Export every rule", leads_to=leads(*ONE_RULE, rule_id="$response.body#/rules/0/id"))
async def export_rules(storage: Injected[Storage]) -> RuleExport:
    """Return every rule in the form in which they can be imported again."""
    return await rules.export(storage)


@post(
    "/rules/import",
    summary="Import rules",
    status_code=HTTP_200_OK,
    problems=(problems.INVALID_STUB_RULE, problems.STUB_RULES_FULL),
)
async def import_rules(
    data: JSONBody[RuleExport],
    uow: Injected[UnitOfWork],
    settings: Injected[Settings],
    replace: ReplaceAll = False,  # noqa: FBT002 - a query parameter, given by name
) -> ImportOut:
    """Save all of the rules or none; one with the id of another replaces it."""
    return await rules.import_rules(uow, settings.stub, data, replace_all=replace)


@get(
    "/rules/{rule_id:uuid}",
    summary="Show a rule",
    problems=(problems.STUB_RULE_NOT_FOUND,),
    leads_to=leads("stub_replace_rule", "stub_delete_rule", **THIS),
)
async def show_rule(storage: Injected[Storage], rule_id: FromPath[UUID]) -> RuleOut:
    """Return a rule."""
    return await rules.show(storage, rule_id)


@put(
    "/rules/{rule_id:uuid}",
    summary="Replace a rule",
    leads_to=leads("stub_show_rule", "stub_delete_rule", **THIS),
    problems=(problems.STUB_RULE_NOT_FOUND, problems.INVALID_STUB_RULE, problems.STUB_RULES_FULL),
)
async def replace_rule(
    data: JSONBody[RuleIn], uow: Injected[UnitOfWork], settings: Injected[Settings], rule_id: FromPath[UUID]
) -> RuleOut:
    """Give a rule another definition; its uses are counted anew."""
    return await rules.replace(uow, settings.stub, rule_id, data)


@delete("/rules/{rule_id:uuid}", summary="Delete a rule", problems=(problems.STUB_RULE_NOT_FOUND,))
async def delete_rule(uow: Injected[UnitOfWork], rule_id: FromPath[UUID]) -> None:
    """Delete a rule."""
    await rules.remove(uow, rule_id)


@post("/reset", summary="Take every rule, state and setting away", status_code=HTTP_200_OK)
async def reset(uow: Injected[UnitOfWork]) -> ResetOut:
    """Have every request go its usual way again. The journal stays."""
    return await rules.reset(uow)


RULE_ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (
    list_rules,
    add_rule,
    export_rules,
    import_rules,
    show_rule,
    replace_rule,
    delete_rule,
    reset,
)
