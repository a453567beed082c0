"""Putting the stub's layer around the routes of the three groups, and into their documentation."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from litestar import Router
from litestar.datastructures import ResponseHeader
from litestar.openapi.spec import OpenAPIType, Parameter, Schema

from plugins.verification.stub.middleware import StubLayer, ignored_controls
from plugins.verification.stub.problems import OVERLAY_PROBLEMS
from plugins.verification.stub.rules.controls import DELAY, FAULT, PREFER, SESSION, SESSION_PATTERN
from plugins.verification.stub.rules.delays import MAX_DELAY
from plugins.verification.stub.rules.faults import FAULTS
from plugins.verification.stub.settings import StubSettings


def _header(name: str, description: str, schema: Schema) -> Parameter:
    return Parameter(name=name, param_in="header", description=description, schema=schema)


CONTROL_PARAMETERS: Final[Mapping[str, Parameter]] = {
    "StubDelay": _header(
        DELAY, "Milliseconds that the answer waits.", Schema(type=OpenAPIType.INTEGER, minimum=0, maximum=MAX_DELAY)
    ),
    "StubSession": _header(
        SESSION,
        "Whose request this is: scenarios may keep a state for each session, and the journal finds its requests.",
        Schema(type=OpenAPIType.STRING, pattern=SESSION_PATTERN),
    ),
    "StubFault": _header(
        FAULT,
        "What is to go wrong, in the place of the answer; nothing is done. `timeout` answers nothing for a minute, "
        "`empty` a 200 without a body, `malformed-json` a 200 whose body is cut off.",
        Schema(type=OpenAPIType.STRING, enum=list(FAULTS)),
    ),
    "Prefer": _header(
        PREFER,
        "RFC 7240. `code=404` asks for the documented answer with this status; nothing is done.",
        Schema(type=OpenAPIType.STRING, examples=["code=404"]),
    ),
}
"""What a request may ask for where controls are on."""

DEADLINE: Final = 2 * MAX_DELAY / 1000 + 10
"""Seconds that a request may take: the longest delay, the fault that answers nothing for as long, and its own work."""

RULE_NOTE: Final = ResponseHeader(
    "X-Stub-Rule",
    documentation_only=True,
    description="The id of the rule that answered, in the place of the handler; then status and body are the rule's.",
)


def overlaid(groups: Sequence[Router], settings: StubSettings) -> Router:
    """Return the routes of `groups` within the layer that these settings ask for."""
    if not settings.enabled:
        return Router(path="/", route_handlers=list(groups), middleware=[ignored_controls])
    opt: dict[str, Any] = {"overlay_problems": OVERLAY_PROBLEMS, "deadline": DEADLINE}
    if settings.controls:
        opt["overlay_parameters"] = CONTROL_PARAMETERS
    return Router(
        path="/",
        route_handlers=list(groups),
        middleware=[StubLayer()] if settings.controls else [ignored_controls, StubLayer()],
        response_headers=[RULE_NOTE],
        opt=opt,
    )
