"""Health, for whoever starts, watches and routes to this process.

`/health/live` says that the process answers, at constant cost. `/health/ready` asks every dependency. `/health/startup`
says whether the application has come up. Checks tell no details: those are in the log.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, Literal

import msgspec
from litestar import Litestar, Request, get
from litestar.handlers import HTTPRouteHandler

from core.auth import PUBLIC
from core.http.problem_types import NOT_READY
from core.http.problems import Fault, Problem
from core.injection import Services

logger = logging.getLogger(__name__)

CHECK_SECONDS: Final = 2.0
"""How long a dependency may take to answer before it counts as failing."""

STATE_KEY: Final = "health"


class HealthCheck(msgspec.Struct, frozen=True):
    """A question to one dependency.

    Attributes:
        name: what is asked after; it appears in the answer.
        check: raises where the dependency is not fit for use.
        required: whether this process is of no use without it; others are reported only.
    """

    name: str
    check: Callable[[Services], Awaitable[None]]
    required: bool = True


class CheckResult(msgspec.Struct, frozen=True):
    """How one check went."""

    name: str
    status: Literal["pass", "fail"]
    required: bool


class Readiness(msgspec.Struct, frozen=True):
    """Whether this process can serve; `degraded` where only checks that are not required fail."""

    status: Literal["ready", "degraded", "not_ready"]
    checks: tuple[CheckResult, ...]


class Health:
    """The checks of this application. The application keeps it in its state under `STATE_KEY`."""

    def __init__(
        self, services: Services, checks: Iterable[HealthCheck], *, check_seconds: float = CHECK_SECONDS
    ) -> None:
        self._services = services
        self._checks = tuple(checks)
        self._check_seconds = check_seconds
        self.started = False

    async def readiness(self) -> Readiness:
        """Run all checks side by side and return how they went, in the order of their declaration."""
        results = await asyncio.gather(*(self._run(check) for check in self._checks))
        failed = [result for result in results if result.status == "fail"]
        if any(result.required for result in failed):
            return Readiness("not_ready", tuple(results))
        return Readiness("degraded" if failed else "ready", tuple(results))

    async def _run(self, check: HealthCheck) -> CheckResult:
        try:
            async with asyncio.timeout(self._check_seconds):
                await check.check(self._services)
        except Exception as exc:
            logger.warning("the health check %s failed", check.name, exc_info=exc)
            return CheckResult(check.name, "fail", check.required)
        return CheckResult(check.name, "pass", check.required)


def mark_started(app: Litestar) -> None:
    """Note that the application has come up: its last `on_startup`."""
    app.state[STATE_KEY].started = True


async def require_readiness(health: Health) -> Readiness:
    """Return how the checks went, or raise Problem `not_ready`."""
    readiness = await health.readiness()
    if readiness.status == "not_ready":
        failed = [check.name for check in readiness.checks if check.required and check.status == "fail"]
        faults = [Fault("", "check_failed", f"The check {name} fails.", {"check": name}) for name in failed]
        raise Problem(NOT_READY, f"Failing: {', '.join(failed)}.", faults=faults)
    return readiness


@get("/health/live", access=PUBLIC, tags=["health"], sync_to_thread=False)
def live() -> dict[str, str]:
    """Say that this process answers."""
    return {"status": "live"}


@get("/health/ready", access=PUBLIC, tags=["health"])
async def ready(request: Request[Any, Any, Any]) -> Readiness:
    """Say whether this process can serve requests: 503 where a required dependency is away."""
    return await require_readiness(request.app.state[STATE_KEY])


@get("/health/startup", access=PUBLIC, tags=["health"], sync_to_thread=False)
def startup(request: Request[Any, Any, Any]) -> dict[str, str]:
    """Say whether the application has come up: 503 until then."""
    if not request.app.state[STATE_KEY].started:
        raise Problem(NOT_READY, "The application is starting.")
    return {"status": "started"}


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (live, ready, startup)
