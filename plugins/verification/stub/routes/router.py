"""The routes of the stub control plane, under `/api/v1/_stub`; each needs the scope `stub:admin`."""

from typing import Final

from litestar import Router
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from core.auth import scope as needs
from plugins.verification.stub.routes.paging import CURSORS
from plugins.verification.stub.routes.scenarios import SCENARIO_ROUTES
from plugins.verification.stub.routes.settings import SETTINGS_ROUTES
from plugins.verification.stub.routes.stub_rules import RULE_ROUTES
from plugins.verification.stub.service.control import control_of

ADMIN: Final = needs("stub:admin")


def follow_changes(app: ASGIApp) -> ASGIApp:
    """Litestar middleware: have this process work by a change before the change is answered.

    What is answered has been committed, so what is read now holds it.
    """

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_afterwards(message: Message) -> None:
            if message["type"] == "http.response.start":
                await control_of(scope["litestar_app"].state.services).keeper.refresh()
            await send(message)

        is_read = scope.get("method") in ("GET", "HEAD", "OPTIONS")
        await app(scope, receive, send if is_read else send_afterwards)

    return answer


def stub_routes() -> Router:
    """Return the routes of the control plane."""
    return Router(
        path="/api/v1/_stub",
        route_handlers=[*RULE_ROUTES, *SCENARIO_ROUTES, *SETTINGS_ROUTES],
        dependencies={"cursors": CURSORS},
        middleware=[follow_changes],
        opt={"access": ADMIN},
        tags=["stub"],
    )
