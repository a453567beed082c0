"""The routes of the stub control plane, under `/api/v1/_stub`; each needs the scope `stub:admin`."""

import asyncio
from typing import Final

from litestar import Router
from litestar.di import Provide
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from core.auth import scope as needs
from core.http.injected import Injected
from core.http.pagination import Cursors
from core.injection import Services
from core.keys import key_ring
from plugins.verification.stub.routes.scenarios import SCENARIO_ROUTES
from plugins.verification.stub.routes.settings import SETTINGS_ROUTES
from plugins.verification.stub.routes.stub_rules import RULE_ROUTES
from plugins.verification.stub.service.control import control_of

ADMIN: Final = needs("stub:admin")


async def provide_cursors(services: Injected[Services]) -> Cursors:
    """Return what signs and reads the cursors of the lists."""
    return Cursors(await asyncio.to_thread(lambda: key_ring(services.config).keys("stub cursors")))


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
        dependencies={"cursors": Provide(provide_cursors, use_cache=True)},
        middleware=[follow_changes],
        opt={"access": ADMIN},
        tags=["stub"],
    )
