"""Health, for whoever starts, watches and routes to this process.

`/health/live` says that the process answers, at constant cost. `/health/ready` asks every dependency. `/health/startup`
says whether the application has come up. Checks tell no details: those are in the log, once for each change.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from time import monotonic
from typing import Any, Final, Literal

import msgspec
from litestar import Litestar, Request, get
from litestar.handlers import HTTPRouteHandler

from core.auth import PUBLIC
from core.containment import contained
from core.http.problem_types import NOT_READY
from core.http.problems import Fault, Problem, ProblemType
from core.http.remembered import Remembered
from core.injection import Services

logger = logging.getLogger(__name__)

CHECK_SECONDS: Final = 2.0
"""How long a dependency may take to answer before it counts as failing."""

RETRY_AFTER: Final = {"Retry-After": "1"}
"""When to ask again: verdicts are remembered for a moment."""

STATE_KEY: Final = "health"


class HealthCheck(msgspec.Struct, frozen=True):
    """A question to one dependency.

    Attributes:
        name: what is asked after; it appears in the answer.
        check: raises where the dependency is not fit for use; may return how many rows it holds.
        required: whether this process is of no use without it; others are reported only.
        counts: figures about what it holds, by name (`{"doctors": 12}`); shown by `/api/v1/health?verbose=true`.
    """

    name: str
    check: Callable[[Services], Awaitable[int | None]]
    required: bool = True
    counts: Callable[[Services], Awaitable[Mapping[str, int]]] | None = None


class CheckResult(msgspec.Struct, frozen=True):
    """How one check went, how many milliseconds it took, and how many rows there are where it counts them."""

    status: Literal["pass", "fail"]
    latency_ms: float
    required: bool
    rows: int | msgspec.UnsetType = msgspec.UNSET


class Verdict(msgspec.Struct, frozen=True):
    """Whether this process can serve; `degraded` where only checks that are not required fail."""

    status: Literal["healthy", "degraded", "unhealthy"]
    checks: dict[str, CheckResult]

    def require(self, kind: ProblemType) -> None:
        """Raise a Problem of `kind`, naming what fails, where this process cannot serve."""
        if self.status == "unhealthy":
            failed = [name for name, check in self.checks.items() if check.required and check.status == "fail"]
            faults = [Fault("", "check_failed", f"The check {name} fails.", {"check": name}) for name in failed]
            raise Problem(kind, f"Failing: {', '.join(failed)}.", faults=faults, headers=RETRY_AFTER)


class Health:
    """The checks of this application. The application keeps it in its state under `STATE_KEY`.

    Verdict and counts are remembered for a moment, so that however many probes come, the dependencies are asked once.
    """

    def __init__(
        self,
        services: Services,
        checks: Iterable[HealthCheck],
        *,
        check_seconds: float = CHECK_SECONDS,
        timer: Callable[[], float] = monotonic,
    ) -> None:
        self._services = services
        self._checks = {check.name: check for check in checks}
        self._check_seconds = check_seconds
        self._timer = timer
        self._born = timer()
        self._silent: set[str] = set()
        self.started = False
        self.verdict: Final = Remembered(self._ask_all, timer)
        self.counts: Final = Remembered(self._count_all, timer)

    @property
    def draining(self) -> bool:
        """Whether this process was told to stop and serves on for a moment."""
        return self._services.draining

    @property
    def uptime(self) -> int:
        """Whole seconds since the application was made."""
        return int(self._timer() - self._born)

    async def _ask_all(self) -> Verdict:
        """Run all checks side by side and return how they went, in the order of their declaration."""
        results = await asyncio.gather(*(self._ask(check) for check in self._checks.values()))
        failed = [result for result in results if result.status == "fail"]
        checks = dict(zip(self._checks, results, strict=True))
        if any(result.required for result in failed):
            return Verdict("unhealthy", checks)
        return Verdict("degraded" if failed else "healthy", checks)

    async def _ask(self, check: HealthCheck) -> CheckResult:
        began = monotonic()
        answer = await self._answer(check.name, check.check)
        latency = round((monotonic() - began) * 1000, 2)
        rows = answer if isinstance(answer, int) else msgspec.UNSET
        return CheckResult("fail" if answer is _NOTHING else "pass", latency, check.required, rows)

    async def _count_all(self) -> dict[str, int]:
        """Return the figures of every check that offers some; one that fails is left out."""
        offered = [(check.name, check.counts) for check in self._checks.values() if check.counts is not None]
        figures = await asyncio.gather(*(self._answer(f"counts of {name}", counts) for name, counts in offered))
        return {name: count for figure in figures if figure is not _NOTHING for name, count in figure.items()}

    async def _answer(self, name: str, question: Callable[[Services], Awaitable[Any]]) -> Any:
        """Put a question; log where its answer begins to fail and where it comes again."""
        try:
            async with asyncio.timeout(self._check_seconds):
                with contained():
                    answer = await question(self._services)
        except Exception as exc:
            if name not in self._silent:
                self._silent.add(name)
                logger.warning("the health check of %s fails", name, exc_info=exc)
            return _NOTHING
        if name in self._silent:
            self._silent.remove(name)
            logger.info("the health check of %s passes again", name)
        return answer


_NOTHING: Final = object()
"""What stands for the answer of a dependency that has none."""


def mark_started(app: Litestar) -> None:
    """Note that the application has come up: its last `on_startup`."""
    app.state[STATE_KEY].started = True


@get("/health/live", access=PUBLIC, tags=["health"], sync_to_thread=False)
def live() -> dict[str, str]:
    """Say that this process answers."""
    return {"status": "live"}


@get("/health/ready", access=PUBLIC, problems=(NOT_READY,), tags=["health"])
async def ready(request: Request[Any, Any, Any]) -> Verdict:
    """Say whether this process can serve requests: 503 where a required dependency is away, and before a stop."""
    health: Health = request.app.state[STATE_KEY]
    if health.draining:
        raise Problem(NOT_READY, "The process was told to stop.", headers=RETRY_AFTER)
    verdict = await health.verdict()
    verdict.require(NOT_READY)
    return verdict


@get("/health/startup", access=PUBLIC, problems=(NOT_READY,), tags=["health"], sync_to_thread=False)
def startup(request: Request[Any, Any, Any]) -> dict[str, str]:
    """Say whether the application has come up: 503 until then."""
    if not request.app.state[STATE_KEY].started:
        raise Problem(NOT_READY, "The application is starting.", headers=RETRY_AFTER)
    return {"status": "started"}


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (live, ready, startup)
