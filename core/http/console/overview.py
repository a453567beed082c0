"""What the console shows, gathered for its template; operators see all of it, others what is theirs to know."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from litestar import Litestar, Request

from core.auth import Principal
from core.http import health
from core.http.console.deployment import STATE_KEY, Deployment, PortFacts
from core.http.console.durations import in_words, seen_from
from core.http.console.selection import Selection
from core.http.health import CheckResult, Health, Verdict
from core.http.service import name_and_version
from core.injection import Services
from core.jobs.admin import JobAdmin, JobView
from core.jobs.tables import STATES
from ports.errors import PortError

RECENT: Final = 20
URGENT: Final = 5

LINKS: Final = (
    ("/dashboard", "Dashboard"),
    ("/schema", "API reference"),
    ("/api/v1", "Endpoints"),
    ("/api/v1/health", "Health"),
    ("/problems", "Problems"),
    ("/metrics", "Metrics"),
)


class PortRow(msgspec.Struct, frozen=True):
    """A port and how its ping went."""

    port: PortFacts
    check: CheckResult | None


class JobRow(msgspec.Struct, frozen=True):
    """A job, in words."""

    id: str
    name: str
    state: str
    attempts: str
    when: str
    at: str
    error: str
    can_retry: bool
    can_cancel: bool


class Queue(msgspec.Struct, frozen=True):
    """The queue: counts by state, what wants attention, and the list."""

    counts: dict[str, int]
    dead: Sequence[JobRow]
    running: Sequence[JobRow]
    recent: Sequence[JobRow]
    older: str


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """Everything on the page. `queue` is None for those who may not see it, and where the database is away."""

    name: str
    version: str
    address: str
    uptime: str
    now: datetime
    deployment: Deployment
    verdict: Verdict
    ports: Sequence[PortRow]
    links: Sequence[tuple[str, str]]
    selection: Selection
    states: Sequence[str]
    is_operator: bool
    may_read: bool
    may_write: bool
    queue: Queue | None


async def overview(
    request: Request[Any, Any, Any], services: Services, principal: Principal, selection: Selection
) -> Overview:
    """Return what `principal` sees."""
    app = request.app
    checks: Health = app.state[health.STATE_KEY]
    deployment: Deployment = app.state[STATE_KEY]
    verdict = await checks.verdict()
    name, version = name_and_version(app)
    now = services.clock.now()
    is_operator = principal.has("console:read")
    may_read = is_operator and principal.has("jobs:read")
    return Overview(
        name=name,
        version=version,
        address=services.config.public_url or _listening(request),
        uptime=in_words(checks.uptime),
        now=now,
        deployment=deployment,
        verdict=verdict,
        ports=[PortRow(port, verdict.checks.get(port.check)) for port in deployment.ports],
        links=_links(app),
        selection=selection,
        states=STATES,
        is_operator=is_operator,
        may_read=may_read,
        may_write=principal.has("jobs:write"),
        queue=await _queue(services, selection, now) if may_read else None,
    )


def _listening(request: Request[Any, Any, Any]) -> str:
    """Return where this process listens: a request's Host is whatever the client wrote."""
    server = request.scope["server"]
    return f"{server[0]} port {server[1]}" if server else ""


def _links(app: Litestar) -> list[tuple[str, str]]:
    paths = {route.path for route in app.routes}
    return [(path, label) for path, label in LINKS if path in paths]


async def _queue(services: Services, selection: Selection, now: datetime) -> Queue | None:
    admin = JobAdmin(services.storage)
    try:
        counts = await admin.counts()
        dead = await admin.page(state="dead", limit=URGENT)
        running = await admin.page(state="running", limit=URGENT)
        found = await admin.page(
            state=selection.state, plugin=selection.plugin, before=selection.before, limit=RECENT + 1
        )
    except PortError:
        return None
    recent = found[:RECENT]
    return Queue(
        counts=msgspec.structs.asdict(counts),
        dead=[_row(job, now) for job in dead],
        running=[_row(job, now) for job in running],
        recent=[_row(job, now) for job in recent],
        older=selection.query(before=recent[-1].id) if len(found) > RECENT else "",
    )


def _row(job: JobView, now: datetime) -> JobRow:
    at = _moment(job)
    return JobRow(
        id=str(job.id),
        name=job.name,
        state=job.state,
        attempts=f"{job.attempts - job.forgiven}/{job.max_attempts}",
        when=seen_from(now, at),
        at=at.isoformat(timespec="seconds"),
        error=job.error or "",
        can_retry=job.state == "dead",
        can_cancel=job.state in {"queued", "running", "parked"},
    )


def _moment(job: JobView) -> datetime:
    """Return the moment that matters most: when it ended, began, or is due."""
    if job.state == "running":
        return job.started_at or job.created_at
    return job.finished_at or job.run_at
