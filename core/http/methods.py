"""HEAD wherever there is GET, and one `Allow` for a path: OPTIONS and 405 list the same methods."""

import re
from collections.abc import Awaitable, Callable, Iterable
from http import HTTPStatus
from typing import Any, Final

from litestar import Litestar, Request, Response
from litestar.routes import HTTPRoute
from litestar.types import HTTPScope, Message, Send

from core.auth import PUBLIC

_PARAMETER: Final = re.compile(r"\{[^}]*\}")


def allow_header(methods: Iterable[str]) -> str:
    """Return the `Allow` header of a path whose handlers take `methods`."""
    allowed = {method for method in methods if method.isupper()} | {"OPTIONS"}
    if "GET" in allowed:
        allowed.add("HEAD")
    return ", ".join(sorted(allowed))


def unite_methods(app: Litestar) -> None:
    """Make OPTIONS tell every method of a path. Call once, after the application has been built.

    Litestar's own OPTIONS handler lists the methods of the first handler that was registered for a path, and never
    HEAD. Paths that differ only in the type of a parameter (`/{id:int}`, `/{name:str}`) are one path to a client.
    """
    by_path: dict[str, list[HTTPRoute]] = {}
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            by_path.setdefault(_PARAMETER.sub("{}", route.path), []).append(route)
    for routes in by_path.values():
        allow = allow_header(method for route in routes for method in route.route_handler_map)
        for route in routes:
            handler, _ = route.route_handler_map["OPTIONS"]
            if not handler.include_in_schema:
                handler.opt.setdefault("access", PUBLIC)
                handler.before_request = _options_answer(allow)


def _options_answer(allow: str) -> Callable[[Request[Any, Any, Any]], Awaitable[Response[None]]]:
    async def answer(_: Request[Any, Any, Any]) -> Response[None]:
        return Response(content=None, status_code=HTTPStatus.NO_CONTENT, headers={"Allow": allow})

    return answer


def answer_head(scope: HTTPScope, send: Send) -> Send:
    """Turn a HEAD request into its GET whose body is not sent; return the `send` to go on with.

    For the outermost layer, before routing: Litestar has no handler for HEAD where there is one for GET. The
    headers, `Content-Length` included, are those of the GET (RFC 9110, 9.3.2).
    """
    if scope["method"] != "HEAD":
        return send
    scope["method"] = "GET"
    ended = False

    async def send_head(message: Message) -> None:
        nonlocal ended
        if message["type"] != "http.response.body":
            await send(message)
        elif not ended:
            ended = True
            scope["method"] = "HEAD"  # servers look: to uvicorn, a GET whose body is not sent is a broken answer
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    return send_head
