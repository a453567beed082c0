"""Which pages of other origins may call this service from a browser (the Fetch standard's CORS protocol).

Litestar's own layer matches origins by patterns, leaves `Vary` out where an origin is refused, replaces it where it
is not, and answers refused preflights in plain text. This one compares with an exact list.
"""

from collections.abc import Awaitable, Iterable
from typing import Final

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from core.http.headers import RawHeaders
from core.http.problem_handlers import send_problem
from core.http.problem_types import CORS_REFUSED
from core.http.problems import Problem, ProblemRegistry

ANY: Final = "*"

METHODS: Final = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
REQUEST_HEADERS: Final = (
    "Accept", "Accept-Language", "Authorization", "Content-Language", "Content-Type", "Idempotency-Key", "If-Match",
    "If-None-Match", "Prefer", "X-API-Key", "X-Request-Id", "traceparent", "tracestate",
)  # fmt: skip
EXPOSED: Final = (
    "ETag", "Idempotent-Replayed", "Link", "Location", "RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-Id",
)  # fmt: skip
MAX_AGE: Final = 600
"""Seconds that a browser may keep the answer to a preflight."""

_ALLOWED_HEADERS: Final = frozenset(name.lower() for name in REQUEST_HEADERS)
_PREFLIGHT: Final[RawHeaders] = (
    (b"access-control-allow-methods", ", ".join(METHODS).encode()),
    (b"access-control-allow-headers", ", ".join(REQUEST_HEADERS).encode()),
    (b"access-control-max-age", str(MAX_AGE).encode()),
)
_EXPOSED: Final = (b"access-control-expose-headers", ", ".join(EXPOSED).encode())
_VARY: Final = b"Origin"
_VARY_OF_PREFLIGHT: Final = b"Origin, Access-Control-Request-Method, Access-Control-Request-Headers"


class Cors:
    """ASGI application that lets pages of the listed origins read what `app` answers, and answers preflights.

    Credentials travel with a listed origin only; with `*`, which stands alone, pages get what anybody gets. No page
    is let through to a private network.

    Args:
        app: what is guarded.
        origins: as browsers write them (`https://app.example.org`), or `*` alone.
        registry: the application's kinds of problems.
    """

    def __init__(self, app: ASGIApp, origins: Iterable[str], registry: ProblemRegistry) -> None:
        listed = frozenset(origins)
        self._app = app
        self._registry = registry
        self._any = ANY in listed
        self._origins = frozenset(origin.encode("latin-1") for origin in listed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        asked = _asked(scope)
        granted = self._granted(asked.get(b"origin"))
        if scope["method"] == "OPTIONS" and b"origin" in asked and b"access-control-request-method" in asked:
            answer = _Answer(send, (*granted, *_PREFLIGHT) if granted else (), _VARY_OF_PREFLIGHT)
            await self._preflight(scope, asked, answer, granted=bool(granted))
        else:
            answer = _Answer(send, (*granted, _EXPOSED) if granted else (), b"" if self._any else _VARY)
            await self._app(scope, receive, answer.send)

    def _granted(self, origin: bytes | None) -> RawHeaders:
        """Return the headers that let a page of `origin` read an answer; none where it may not."""
        if origin is None:
            return ()
        if self._any:
            return ((b"access-control-allow-origin", b"*"),)
        if origin not in self._origins:
            return ()
        return ((b"access-control-allow-origin", origin), (b"access-control-allow-credentials", b"true"))

    async def _preflight(
        self, scope: HTTPScope, asked: dict[bytes, bytes], answer: "_Answer", *, granted: bool
    ) -> None:
        refusal = _refusal(asked) if granted else "Pages of this origin may not read what is answered here."
        if refusal:
            await send_problem(scope, answer.send, self._registry, Problem(CORS_REFUSED, refusal))
            return
        await answer.send({"type": "http.response.start", "status": 204, "headers": []})
        await answer.send({"type": "http.response.body", "body": b"", "more_body": False})


class _Answer:
    """Adds headers to an answer."""

    __slots__ = ("_headers", "_send", "_vary")

    def __init__(self, send: Send, headers: RawHeaders, vary: bytes) -> None:
        self._send = send
        self._headers = headers
        self._vary = vary

    def send(self, message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            headers = [(name, value) for name, value in message.get("headers", ())]
            vary = [value for name, value in headers if name == b"vary"]
            kept = [header for header in headers if header[0] != b"vary"]
            if self._vary:
                vary.append(self._vary)
            if vary:
                kept.append((b"vary", b", ".join(vary)))
            message["headers"] = [*kept, *self._headers]
        return self._send(message)


def _asked(scope: HTTPScope) -> dict[bytes, bytes]:
    """Return the headers of the request by name; one that is given twice reads as a list, which no origin is."""
    asked: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        asked[name] = asked[name] + b", " + value if name in asked else value
    return asked


def _refusal(asked: dict[bytes, bytes]) -> str:
    """Return what a preflight asks for and cannot have, or nothing."""
    if asked[b"access-control-request-method"].decode("latin-1") not in METHODS:
        return "Pages of other origins may not use this method."
    names = asked.get(b"access-control-request-headers", b"").decode("latin-1").lower().split(",")
    if {name.strip() for name in names} - {""} - _ALLOWED_HEADERS:
        return f"Pages of other origins may send these headers: {', '.join(REQUEST_HEADERS)}."
    return ""
