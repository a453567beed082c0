"""Who asks, for applications that have no authentication."""

from typing import Any

from core.auth import ANONYMOUS, Principal


class As:
    """An ASGI layer that sets the principal, as authentication does: whom `X-As` names, `kind:id` or a user's id."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        name = dict(scope["headers"]).get(b"x-as", b"").decode()
        kind, _, id_ = name.rpartition(":")
        scope["user"] = Principal(id=id_, kind=kind or "user") if name else ANONYMOUS
        await self.app(scope, receive, send)
