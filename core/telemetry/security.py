"""Security events: one line for each request that was refused for who asked, from where, or how often.

The line joins the request by its ids and names the route, the client and the kind of credential that was shown, never
the credential.
"""

import enum
from typing import Any, Final

import structlog

LOGGER: Final = "hexastar.security"

PROBLEM_CODE: Final = "problem_code"
"""Key in `scope["state"]` under which the code of the problem that was answered is left."""

_CREDENTIALS: Final = {b"x-api-key": "api_key", b"authorization": "authorization", b"cookie": "cookie"}


class SecurityEvent(enum.StrEnum):
    """What happened, for those who count and alert."""

    AUTH_FAILED = "auth_failed"
    ACCESS_DENIED = "access_denied"
    RATE_LIMITED = "rate_limited"
    INVALID_HOST = "invalid_host"


_BY_STATUS: Final = {
    401: SecurityEvent.AUTH_FAILED,
    403: SecurityEvent.ACCESS_DENIED,
    429: SecurityEvent.RATE_LIMITED,
}
_BY_CODE: Final = {"invalid_host": SecurityEvent.INVALID_HOST}
_FREQUENT: Final = frozenset({SecurityEvent.RATE_LIMITED})
"""Events that a flood consists of: written like the access log, not each at once."""

logger: Final[Any] = structlog.get_logger(LOGGER)


def security_event(scope: Any, status: int) -> SecurityEvent | None:
    """Return what a refusal says about whoever sent the request, or None where it says nothing."""
    return _BY_STATUS.get(status) or _BY_CODE.get(scope["state"].get(PROBLEM_CODE, ""))


def report(event: SecurityEvent, scope: Any, method: str, route: str, status: int) -> None:
    """Write the line of one event; to be called within the request's activity."""
    write = logger.info if event in _FREQUENT else logger.warning
    write(
        "security",
        event_type=event.value,
        method=method,
        route=route,
        status=status,
        problem=scope["state"].get(PROBLEM_CODE, ""),
        client=(scope.get("client") or ("",))[0],
        shown=_shown(scope),
    )


def _shown(scope: Any) -> str:
    """Return in which header a credential stood. Not its scheme, in which anything can stand."""
    return next((_CREDENTIALS[name] for name, _ in scope["headers"] if name in _CREDENTIALS), "none")
