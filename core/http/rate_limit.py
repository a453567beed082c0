"""Rate limits that hold over all processes: no more than the limit gets through, and few requests ask the store.

    @post("/api/v1/auth/login", access=PUBLIC, rate_limit=RateLimit("login", 20, per=60))

counts by client address, or by principal where `by="principal"`. What only the body tells (five attempts an
identifier) the service takes itself: `await limiter.take(LOGIN_ATTEMPTS, identifier)`. `[http] rate_limit` limits what
one client may ask of the whole API.

A window begins with the first request and ends `per` seconds later. While the database is away each process counts on
for itself: the limit is looser then, but neither open nor a failure. Every answer of a limited route says how much is
left (`RateLimit`, `RateLimit-Policy`: draft-ietf-httpapi-ratelimit-headers-11).
"""

import asyncio
import hashlib
import logging
import math
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache
from ipaddress import ip_address, ip_network
from time import monotonic
from typing import Any, Final, Literal, Protocol

import msgspec
from litestar import Request
from litestar.types import HTTPScope

from core.auth import Principal
from core.http.headers import unmapped
from core.http.overload import ANSWER_HEADERS
from core.http.problem_types import RATE_LIMITED
from core.http.problems import Problem
from core.http.rate_accounts import LEASE, Account
from core.http.rate_store import give_back, take
from ports.errors import PortError
from ports.storage import Storage

STATE_KEY: Final = "rate_limiter"
"""Where the application's state holds its RateLimiter."""

CLIENT: Final = "client"
"""The name of the limit on what one client may ask of the API."""

COUNTED: Final = "/api/"
"""The beginning of the paths where that limit holds."""

MOST_ACCOUNTS: Final = 20_000
"""Clients that a process remembers at once; the store remembers all of them."""

PATIENCE: Final = 1.0
"""Seconds that the store is given to answer."""

AWAY: Final = 1.0
"""Seconds that a store which is away is left alone."""

_IPV6_SITE: Final = 64
_IPV6: Final = 6

logger = logging.getLogger(__name__)


class RateLimit(msgspec.Struct, frozen=True):
    """`limit` requests within `per` seconds, counted under `name`."""

    name: str
    limit: int
    per: int = msgspec.field(default=60)
    by: Literal["address", "principal"] = "address"

    def __post_init__(self) -> None:
        """Refuse what limits nothing."""
        if self.limit < 1 or self.per < 1 or not self.name.isascii() or not self.name.isprintable() or '"' in self.name:
            raise ValueError("a rate limit has a plain name, and lets one request or more through in a second or more")

    @property
    def policy(self) -> str:
        """The item of `RateLimit-Policy`."""
        return f'"{self.name}";q={self.limit};w={self.per}'


class Standing(msgspec.Struct, frozen=True):
    """How a client stands under a limit: requests left, and seconds until the window ends."""

    limit: RateLimit
    left: int
    seconds: int

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Return the fields that tell it; those of several limits make one list."""
        item = f'"{self.limit.name}";r={self.left};t={self.seconds}'
        return [(b"ratelimit", item.encode()), (b"ratelimit-policy", self.limit.policy.encode())]


class HasStorage(Protocol):
    """Whoever has the store once the application runs: its services."""

    @property
    def storage(self) -> Storage:
        """The store."""


class _Counter:
    """One client under one limit: the account, and the requests that wait for the store's answer."""

    __slots__ = ("account", "key", "turn", "waiting")

    def __init__(self, key: str, limit: int) -> None:
        self.key = key
        self.account = Account(limit)
        self.turn = asyncio.Lock()
        self.waiting = 0


class RateLimiter:
    """Counts uses in the store; by itself while the store is away."""

    def __init__(self, services: HasStorage) -> None:
        self._services = services
        self._counters: OrderedDict[tuple[str, int, int, str], _Counter] = OrderedDict()
        self._away_until = float("-inf")
        self._is_away = False

    @property
    def remembered(self) -> int:
        """How many clients this process remembers."""
        return len(self._counters)

    async def take(self, limit: RateLimit, who: str) -> Standing:
        """Count one use of `limit` by `who`.

        Raises:
            Problem: 429 `rate_limited`, with `Retry-After`, `RateLimit` and `RateLimit-Policy`.
        """
        counter = self._counter(limit, who)
        now = monotonic()
        passes = counter.account.take(now)
        if not passes and not counter.account.is_used_up(now):
            passes = await self._ask(limit, counter)
        standing = _standing(limit, counter.account)
        if not passes:
            raise _refusal(standing)
        return standing

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Give back what is leased and not used, now and then, and all of it in the end."""
        returning = asyncio.create_task(self._return_surplus())
        try:
            yield
        finally:
            returning.cancel()
            await asyncio.wait([returning])
            await self.give_back(monotonic() + LEASE)

    async def give_back(self, now: float) -> None:
        """Give back the tokens that nobody has used for `LEASE` seconds at the moment `now`, if the store is there."""
        for counter in list(self._counters.values()):
            surplus = counter.account.surplus(now)
            if surplus is not None:
                try:
                    async with asyncio.timeout(PATIENCE):
                        await give_back(self._services.storage, counter.key, *surplus)
                except (PortError, TimeoutError):
                    return

    def forget(self) -> None:
        """Know nothing of what was counted here, as a process does that has just started."""
        self._counters.clear()
        self._away_until = float("-inf")

    async def _return_surplus(self) -> None:
        while True:
            await asyncio.sleep(LEASE)
            await self.give_back(monotonic())

    def _counter(self, limit: RateLimit, who: str) -> _Counter:
        name = (limit.name, limit.limit, limit.per, who)
        counter = self._counters.get(name)
        if counter is None:
            counter = self._counters[name] = _Counter(_key(limit, who), limit.limit)
            if len(self._counters) > MOST_ACCOUNTS:
                self._counters.popitem(last=False)
        else:
            self._counters.move_to_end(name)
        return counter

    async def _ask(self, limit: RateLimit, counter: _Counter) -> bool:
        """Ask the store in the name of all requests that wait for it; tell whether this one may pass."""
        account = counter.account
        counter.waiting += 1
        try:
            async with counter.turn:
                now = monotonic()
                if account.take(now):
                    return True
                if account.is_used_up(now):
                    return False
                if now < self._away_until or not await self._lease(limit, counter):
                    return account.take_alone(monotonic(), limit.per)
                return account.take_granted(monotonic())
        finally:
            counter.waiting -= 1

    async def _lease(self, limit: RateLimit, counter: _Counter) -> bool:
        """Ask the store for tokens; tell whether it answered."""
        asked = monotonic()
        if self._is_away:
            self._away_until = asked + AWAY  # one request looks whether it is back; the others do not wait for it
        want = counter.account.want(asked, counter.waiting)
        try:
            async with asyncio.timeout(PATIENCE):
                grant = await take(self._services.storage, counter.key, limit.limit, limit.per, want)
        except (PortError, TimeoutError):
            self._away_until = monotonic() + AWAY
            self._tell(is_away=True)
            return False
        counter.account.receive(grant, asked)
        self._tell(is_away=False)
        return True

    def _tell(self, *, is_away: bool) -> None:
        if is_away != self._is_away:
            self._is_away = is_away
            if is_away:
                logger.warning("the store is away: rate limits are counted by each process for itself")
            else:
                logger.info("the store is back: rate limits hold over all processes again")


def _key(limit: RateLimit, who: str) -> str:
    """Return the store's key: nobody's address stands in the table, and no two limits share a counter."""
    return f"{limit.name}:{hashlib.sha256(f'{limit.limit}/{limit.per}:{who}'.encode()).hexdigest()}"


def _standing(limit: RateLimit, account: Account) -> Standing:
    return Standing(limit, account.left, max(1, math.ceil(account.ends - monotonic())))


def _refusal(standing: Standing) -> Problem:
    limit = standing.limit
    fields = {name.decode(): value.decode() for name, value in standing.headers()}
    headers = {"Retry-After": str(standing.seconds), **fields}
    return Problem(RATE_LIMITED, f"At most {limit.limit} requests in {limit.per} seconds.", headers=headers)


async def enforce_rate_limit(request: Request[Any, Any, Any]) -> None:
    """Count the request under the limit that its route declares."""
    limit: RateLimit = request.route_handler.opt["rate_limit"]
    limiter: RateLimiter = request.app.state[STATE_KEY]
    standing = await limiter.take(limit, _who(request, limit))
    request.scope["state"][ANSWER_HEADERS] += standing.headers()


class ClientCount:
    """Counts the requests of each client to the API, whoever it is and whatever it asks.

    Before authentication, so that guessing at credentials counts, too.
    """

    def __init__(self, limiter: RateLimiter, requests: int, seconds: int) -> None:
        self._limiter = limiter
        self._limit = RateLimit(CLIENT, requests, per=seconds)

    async def __call__(self, scope: HTTPScope) -> None:
        """Count one request.

        Raises:
            Problem: 429 `rate_limited`.
        """
        if f"/{scope['path'].lstrip('/')}".startswith(COUNTED):  # the router takes many slashes for one
            standing = await self._limiter.take(self._limit, _address(scope))
            scope["state"][ANSWER_HEADERS] += standing.headers()


def _who(request: Request[Any, Any, Any], limit: RateLimit) -> str:
    principal: Principal | None = request.scope.get("user")
    if limit.by == "principal" and principal is not None and not principal.is_anonymous:
        return f"{principal.kind}:{principal.id}"
    return _address(request.scope)


def _address(scope: Any) -> str:
    client = scope["client"]
    return counted_as(client[0]) if client else ""


@lru_cache(4096)
def counted_as(address: str) -> str:
    """Return whom an address counts as: itself, or, of IPv6, its /64, which is what one customer is given."""
    try:
        parsed = unmapped(ip_address(address))
    except ValueError:
        return address
    if parsed.version != _IPV6:
        return str(parsed)
    return str(ip_network((int(parsed), _IPV6_SITE), strict=False))
