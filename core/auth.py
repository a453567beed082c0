"""Who is asking, and what a route demands of them.

Every route declares its access, so that none is open by accident: `access=` on the handler, or in the `opt` of its
controller or router. The application refuses to start with a route that declares nothing.
"""

import enum
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """The one on whose behalf a request or job runs.

    `id` is stable and printable (a user's UUID, `admin`, `anonymous`); `kind` says what it is (`user`, `admin`,
    `service`, `anonymous`). The scope `*` stands for every scope.
    """

    id: str
    kind: str
    roles: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()

    def has(self, scope: str) -> bool:
        """Tell whether this principal may act within `scope`."""
        return "*" in self.scopes or scope in self.scopes

    @property
    def is_anonymous(self) -> bool:
        """Tell whether nobody showed a credential."""
        return self.kind == "anonymous"


ANONYMOUS: Final = Principal(id="anonymous", kind="anonymous")
ADMIN: Final = Principal(id="admin", kind="admin", roles=frozenset({"admin"}), scopes=frozenset({"*"}))


class Demand(enum.Enum):
    """What a route demands: nothing, any credential, or a credential with a scope."""

    NOTHING = "nothing"
    CREDENTIAL = "credential"
    SCOPE = "scope"


class Access(msgspec.Struct, frozen=True):
    """What a route declares: the demand, and the scope where the demand is one."""

    demand: Demand
    scope: str = ""

    def __str__(self) -> str:
        return self.scope or {"nothing": "public", "credential": "authenticated"}[self.demand.value]


PUBLIC: Final = Access(Demand.NOTHING)
AUTHENTICATED: Final = Access(Demand.CREDENTIAL)


def scope(name: str) -> Access:
    """Return the access that demands the scope `name`, for example `scope("verification:read")`."""
    return Access(Demand.SCOPE, name)


Authenticator = Callable[[str], Awaitable[Principal | None]]
"""Given a credential of its kind, answers whose it is, or None where it is nobody's."""

COOKIES: Final = {
    "__Host-hexastar": "session",
    "hexastar_session": "session",
    "__Host-hexastar-console": "console",
    "hexastar_console": "console",
}
"""Cookies that carry a credential, and its kind: users' sessions, and the console's own."""

COOKIE_CREDENTIALS: Final = frozenset(COOKIES.values())
"""Credentials that a browser sends by itself. One that has expired leaves the request anonymous."""
