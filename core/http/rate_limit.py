"""Rate limits that hold over all processes: one statement a request, and no more than the limit gets through.

    @post("/api/v1/auth/login", access=PUBLIC, rate_limit=RateLimit("login", 20, per=60))

counts by client address, or by principal where `by="principal"`. What only the body tells (five attempts an
identifier) the service takes itself: `await limiter.take(LOGIN_ATTEMPTS, identifier)`.

A window begins with the first request and ends `per` seconds later. While the database is away each process counts for
itself: the limit is looser then, but neither open nor a failure.
"""

import hashlib
import math
from time import monotonic
from typing import Any, Final, Literal, Protocol

import msgspec
from litestar import Request
from sqlalchemy import Float, Integer, bindparam, case, delete, extract, func, or_, select
from sqlalchemy.dialects.postgresql import insert

from core.auth import Principal
from core.http.problem_types import RATE_LIMITED
from core.http.problems import Problem
from core.http.tables import rate_limits
from core.jobs.declare import Tick, job
from core.unit_of_work import UnitOfWork
from ports.errors import PortError
from ports.storage import Command, Query, Storage

STATE_KEY: Final = "rate_limiter"
"""Where the application's state holds its RateLimiter."""

_LOCAL_KEYS: Final = 10_000


class RateLimit(msgspec.Struct, frozen=True):
    """`limit` requests within `per` seconds, counted under `name`."""

    name: str
    limit: int
    per: int = msgspec.field(default=60)
    by: Literal["address", "principal"] = "address"


class _Use(msgspec.Struct, frozen=True):
    used: int


class _Window(msgspec.Struct, frozen=True):
    seconds: int


_KEY: Final = rate_limits.c
_OVER: Final = _KEY.resets_at <= func.now()
_FIRST: Final = insert(rate_limits).values(
    key=bindparam("key"),
    used=1,
    resets_at=func.now() + func.make_interval(0, 0, 0, 0, 0, 0, bindparam("per", type_=Float)),
)
_TAKE: Final = Command(
    _FIRST.on_conflict_do_update(
        index_elements=[_KEY.key],
        set_={
            "used": case((_OVER, 1), else_=_KEY.used + 1),
            "resets_at": case((_OVER, _FIRST.excluded.resets_at), else_=_KEY.resets_at),
        },
        where=or_(_OVER, _KEY.used < bindparam("limit", type_=Integer)),
    ).returning(_KEY.used),
    into=_Use,
)
_WAIT: Final = Query(
    select(func.ceil(extract("epoch", _KEY.resets_at - func.clock_timestamp())).cast(Integer).label("seconds")).where(
        _KEY.key == bindparam("key")
    ),
    into=_Window,
)
_PRUNE: Final = Command(delete(rate_limits).where(_OVER))


class HasStorage(Protocol):
    """Whoever has the store once the application runs: its services."""

    @property
    def storage(self) -> Storage:
        """The store."""


class RateLimiter:
    """Counts uses in the store; by itself while the store is away."""

    def __init__(self, services: HasStorage) -> None:
        self._services = services
        self._local: dict[str, tuple[int, float]] = {}

    async def take(self, limit: RateLimit, who: str) -> None:
        """Count one use of `limit` by `who`.

        Raises:
            Problem: 429 `rate_limited`, with `Retry-After`, `RateLimit` and `RateLimit-Policy`.
        """
        key = f"{limit.name}:{hashlib.sha256(who.encode()).hexdigest()}"
        try:
            wait = await self._take_stored(limit, key)
        except PortError:
            wait = self._take_here(limit, key)
        if wait is not None:
            raise _refusal(limit, wait)

    async def _take_stored(self, limit: RateLimit, key: str) -> float | None:
        """Count in the store; return the seconds to wait where the limit is used up."""
        storage = self._services.storage
        if await storage.fetch_one(_TAKE, key=key, per=float(limit.per), limit=limit.limit) is not None:
            return None
        window = await storage.fetch_one(_WAIT, key=key)
        return window.seconds if window is not None else 0.0

    def _take_here(self, limit: RateLimit, key: str) -> float | None:
        """Count in this process; return the seconds to wait where the limit is used up."""
        now = monotonic()
        used, resets_at = self._local.get(key, (0, now + limit.per))
        if resets_at <= now:
            used, resets_at = 0, now + limit.per
        if used >= limit.limit:
            return resets_at - now
        if len(self._local) >= _LOCAL_KEYS:
            self._local.clear()
        self._local[key] = (used + 1, resets_at)
        return None


def _refusal(limit: RateLimit, wait: float) -> Problem:
    seconds = max(1, math.ceil(wait))
    headers = {
        "Retry-After": str(seconds),
        "RateLimit": f'"{limit.name}";r=0;t={seconds}',
        "RateLimit-Policy": f'"{limit.name}";q={limit.limit};w={limit.per}',
    }
    return Problem(RATE_LIMITED, f"At most {limit.limit} requests in {limit.per} seconds.", headers=headers)


async def enforce_rate_limit(request: Request[Any, Any, Any]) -> None:
    """Count the request under the limit that its route declares."""
    limit: RateLimit = request.route_handler.opt["rate_limit"]
    limiter: RateLimiter = request.app.state[STATE_KEY]
    await limiter.take(limit, _who(request, limit))


def _who(request: Request[Any, Any, Any], limit: RateLimit) -> str:
    principal: Principal | None = request.scope.get("user")
    if limit.by == "principal" and principal is not None and not principal.is_anonymous:
        return f"{principal.kind}:{principal.id}"
    client = request.scope["client"]
    return client[0] if client else ""


@job("core.prune_rate_limits", cron="47 * * * *", timeout=60.0)
async def prune_rate_limits(_tick: Tick, uow: UnitOfWork) -> None:
    """Delete the counters whose window is over."""
    await uow.execute(_PRUNE)
