"""Sessions of the console: opaque random tokens in a cookie, kept as hashes under the admin key.

Since the hash is keyed with the admin key, changing that key ends every session.
"""

import hmac
import secrets
from datetime import timedelta
from functools import cached_property
from typing import Final

from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from core.auth import Authenticator, Principal
from core.http.tables import console_sessions
from core.injection import Services
from core.jobs.declare import Tick, job
from core.keys import admin_key
from core.unit_of_work import UnitOfWork
from ports.storage import Command, Query

LIFETIME: Final = timedelta(hours=12)

OPERATOR: Final = Principal(
    id="admin",
    kind="admin",
    roles=frozenset({"admin"}),
    scopes=frozenset({"console:read", "jobs:read", "jobs:write"}),
)
"""Who has signed in to the console: the administrator, confined to what the console does."""

_TOKEN_BYTES: Final = 32

_COLUMNS: Final = console_sessions.c
_OPEN: Final = Command(
    insert(console_sessions)
    .values({name: bindparam(name) for name in ("token", "login", "created_at", "expires_at")})
    .on_conflict_do_nothing(index_elements=[_COLUMNS.login])
)
_FIND: Final = Query(
    select(_COLUMNS.token).where(_COLUMNS.token == bindparam("token"), _COLUMNS.expires_at > bindparam("now")),
    into=bytes,
)
_END: Final = Command(
    update(console_sessions).where(_COLUMNS.token == bindparam("token")).values(expires_at=_COLUMNS.created_at)
)
_PRUNE: Final = Command(delete(console_sessions).where(_COLUMNS.created_at < func.now() - timedelta(days=2)))


class ConsoleSessions:
    """Opens, recognises and ends sessions."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def is_admin_key(self, key: str) -> bool:
        """Tell whether `key` is the admin key, taking the same time for every wrong one."""
        return hmac.compare_digest(key.encode(), self._key)

    async def open(self, *, login: bytes | None = None) -> str | None:
        """Open a session and return its token; None where the one-time `login` has opened one before."""
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        now = self._services.clock.now()
        opened = await self._services.storage.execute(
            _OPEN, token=self._hash(token), login=login, created_at=now, expires_at=now + LIFETIME
        )
        return token if opened else None

    async def holder(self, token: str) -> Principal | None:
        """Return who holds the session of this token; None where it is over or never was."""
        now = self._services.clock.now()
        found = await self._services.storage.fetch_one(_FIND, token=self._hash(token), now=now)
        return OPERATOR if found else None

    async def end(self, token: str) -> None:
        """End a session. Its row stays for a while, so that its one-time login stays used."""
        await self._services.storage.execute(_END, token=self._hash(token))

    def _hash(self, token: str) -> bytes:
        return hmac.digest(self._key, token.encode(), "sha256")

    @cached_property
    def _key(self) -> bytes:
        return admin_key(self._services.config).encode()


def console_authenticator(services: Services) -> Authenticator:
    """Return what recognises credentials of the kind `console`."""
    return ConsoleSessions(services).holder


@job("core.prune_console_sessions", cron="43 3 * * *", timeout=60.0)
async def prune_console_sessions(_tick: Tick, uow: UnitOfWork) -> None:
    """Delete sessions that are long over."""
    await uow.execute(_PRUNE)
