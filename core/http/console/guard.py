"""What protects the console's pages: their policy, their cookie, and signing in from elsewhere."""

import hashlib
from base64 import b64encode
from functools import cache
from pathlib import Path
from typing import Any, Final

from litestar import Request
from litestar.datastructures import Cookie

from core.config import Config
from core.http.console.sessions import LIFETIME
from core.http.origins import OwnOrigins

TEMPLATES: Final = Path(__file__).parents[1] / "templates"

COOKIE: Final = "hexastar_console"
SECURE_COOKIE: Final = "__Host-hexastar-console"


@cache
def stylesheet() -> str:
    """Return the style sheet, which stands in each page."""
    return (TEMPLATES / "console.css").read_text(encoding="utf-8")


@cache
def content_security_policy() -> str:
    """Return the pages' policy: nothing but this style sheet, the icon, and forms to ourselves."""
    digest = b64encode(hashlib.sha256(stylesheet().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )


def session_cookie(request: Request[Any, Any, Any], config: Config, token: str | None) -> Cookie:
    """Return the cookie of a session, or, without a token, the one that removes it.

    Over TLS, and in production, which is behind TLS, it is `Secure` and bound to this very host (`__Host-`).
    """
    public = config.public_url or ""
    secure = config.is_production or request.url.scheme == "https" or public.startswith("https:")
    return Cookie(
        key=SECURE_COOKIE if secure else COOKIE,
        value=token or "",
        max_age=int(LIFETIME.total_seconds()) if token else 0,
        secure=secure,
        httponly=True,
        samesite="lax",
    )


def shown_session(request: Request[Any, Any, Any]) -> str | None:
    """Return the token of the session that the browser shows."""
    return request.cookies.get(SECURE_COOKIE) or request.cookies.get(COOKIE)


def require_own_form(request: Request[Any, Any, Any], config: Config) -> None:
    """Refuse a form for signing in that a page of another site sent: nobody is to be signed in unawares.

    Raises:
        Problem: 403.
    """
    OwnOrigins(config.public_url).require(request.scope)
