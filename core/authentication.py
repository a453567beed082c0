"""The one place where credentials are judged and declared access is enforced."""

import hmac
from collections.abc import Iterator, Mapping
from typing import Final

from litestar.enums import HttpMethod, ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from core.auth import ADMIN, ANONYMOUS, COOKIE_CREDENTIALS, COOKIES, Access, Authenticator, Demand, Principal
from core.http.origins import SAFE_METHODS, OwnOrigins
from core.http.problem_types import AUTHENTICATION_REQUIRED, FORBIDDEN
from core.http.problems import Problem
from core.telemetry.failures import silence

CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="hexastar", ApiKey realm="hexastar"'}

_ACCEPTED: Final = ("session",)
_CREDENTIAL_HEADERS: Final = frozenset({b"x-api-key", b"authorization"})


class AuthenticationMiddleware(ASGIMiddleware):
    """Finds the request's credential and asks the authenticator of its kind whose it is.

    A request without a credential is anonymous; one with a credential that is nobody's gets 401, even where the
    route is open, so that a client never believes itself recognised when it is not. Access is enforced here rather
    than by a guard: no plugin's layer can replace a middleware, and Litestar copies the handler for each guard.
    """

    scopes = (ScopeType.HTTP, ScopeType.WEBSOCKET)

    def __init__(self, authenticators: Mapping[str, Authenticator], origins: OwnOrigins) -> None:
        self._authenticators = authenticators
        self._origins = origins

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Set the principal as the connection's user and hold the route to the access that it declares."""
        credential = _credential(scope)
        principal = ANONYMOUS if credential is None else await self._principal(*credential)
        scope["user"] = principal
        kind = scope["auth"] = credential and credential[0]
        if kind in COOKIE_CREDENTIALS and principal is not ANONYMOUS and scope["type"] == ScopeType.HTTP:
            self._require_own_page(scope)
        enforce_access(scope, principal)
        await next_app(scope, receive, send)

    def _require_own_page(self, scope: HTTPScope) -> None:
        """Refuse to change anything for a page of another site: browsers send their users' cookies along with it."""
        if scope["method"] not in SAFE_METHODS:
            self._origins.require(scope)

    async def _principal(self, kind: str, credential: str) -> Principal:
        authenticator = self._authenticators.get(kind)
        if authenticator is not None:
            try:
                principal = await authenticator(credential)
            except Exception as error:
                silence(error)  # it was made with the credential at hand
                raise
            if principal is not None:
                return principal
        if kind in COOKIE_CREDENTIALS:
            return ANONYMOUS
        raise Problem(AUTHENTICATION_REQUIRED, "The credential is not valid here.", headers=CHALLENGE)


def enforce_access(scope: Scope, principal: Principal) -> None:
    """Compare what the route declares with who is asking. OPTIONS tells methods and is open.

    Raises:
        Problem: 401 where a credential is needed and none was shown, 403 where the principal lacks the scope.
    """
    if scope.get("method") == HttpMethod.OPTIONS:
        return
    access: Access = scope["route_handler"].opt["access"]
    if access.demand is Demand.NOTHING:
        return
    if principal.is_anonymous:
        raise Problem(AUTHENTICATION_REQUIRED, headers=CHALLENGE)
    if access.demand is Demand.SCOPE and not principal.has(access.scope):
        raise Problem(FORBIDDEN, f"This needs the scope {access.scope}.")


def admin_key_authenticator(key: str) -> Authenticator:
    """Return the core's own authenticator: the admin key, compared in constant time."""
    expected = key.encode()

    async def authenticate(credential: str) -> Principal | None:
        return ADMIN if hmac.compare_digest(credential.encode(), expected) else None

    return authenticate


def _credential(scope: Scope) -> tuple[str, str] | None:
    """Return kind and value of the credential that the request shows.

    A header counts anywhere, and there is one at most: which of two is meant would depend on their order. Of the
    cookies those kinds count that the route accepts (`cookies=("console", "session")`, in the order of preference; by
    default users' sessions), so that the console's never speaks for its owner elsewhere.

    Raises:
        Problem: 401 for several headers with a credential.
    """
    cookie = b""
    found: tuple[str, str] | None = None
    for name, value in scope["headers"]:
        if name == b"cookie":
            cookie = value
        elif name in _CREDENTIAL_HEADERS:
            if found is not None:
                raise Problem(AUTHENTICATION_REQUIRED, "Show one credential, not several.", headers=CHALLENGE)
            found = _read(name, value.decode("latin-1"))
    if found is not None:
        return found
    if not cookie:
        return None
    shown = dict(_cookies(cookie.decode("latin-1")))
    accepted: tuple[str, ...] = scope["route_handler"].opt.get("cookies", _ACCEPTED)
    return next(((kind, shown[kind]) for kind in accepted if kind in shown), None)


def _read(header: bytes, value: str) -> tuple[str, str]:
    """Return kind and value of the credential in a header."""
    if header == b"x-api-key":
        return "api_key", value
    scheme, _, token = value.partition(" ")
    return scheme.lower(), token.strip()


def _cookies(header: str) -> Iterator[tuple[str, str]]:
    """Yield kind and value of each cookie that carries a credential."""
    for pair in header.split(";"):
        name, _, value = pair.strip().partition("=")
        if name in COOKIES:
            yield COOKIES[name], value
