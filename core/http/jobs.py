"""The queue under `/api/v1/jobs`: list, show, retry, cancel."""

import asyncio
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from litestar import Request, Response, Router, get, post
from litestar.di import Provide
from litestar.params import FromPath, QueryParameter
from litestar.status_codes import HTTP_200_OK

from core.auth import scope
from core.http.injected import Injected
from core.http.openapi_links import leads
from core.http.pagination import DEFAULT_LIMIT, Cursor, Cursors, Limit, Page, with_links
from core.http.problem_types import INVALID_CURSOR, JOB_KEY_TAKEN, JOB_STATE_CONFLICT, NOT_FOUND
from core.http.problems import Problem
from core.injection import Services
from core.jobs.admin import JobAdmin, JobView, KeyTakenError
from core.keys import key_ring
from core.unit_of_work import UnitOfWork
from ports.storage import Storage

READ: Final = scope("jobs:read")
WRITE: Final = scope("jobs:write")

JobState = Literal["queued", "running", "done", "dead", "parked"]

OnlyState = Annotated[JobState | None, QueryParameter(name="state", description="Only jobs in this state.")]
OnlyPlugin = Annotated[
    str | None, QueryParameter(description="Only jobs of this plugin.", max_length=100, pattern="^[a-z][a-z0-9_]*$")
]

_SORT: Final = "-id"
_ONE_JOB: Final = ("jobs_show_job", "jobs_retry_job", "jobs_cancel_job")
_THIS: Final = {"job_id": "$response.body#/id"}


class Place(msgspec.Struct, frozen=True):
    """Where in the list a cursor stands."""

    id: UUID


@get("/", access=READ, problems=(INVALID_CURSOR,), leads_to=leads(*_ONE_JOB, job_id="$response.body#/data/0/id"))
async def list_jobs(
    request: Request[Any, Any, Any],
    storage: Injected[Storage],
    cursors: Injected[Cursors],
    only_state: OnlyState = None,
    plugin: OnlyPlugin = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Response[Page[JobView]]:
    """List background jobs, the newest first."""
    filters = {"state": only_state, "plugin": plugin}
    place = cursors.read(cursor, kind=Place, sort=_SORT, filters=filters)
    before = place.id if place else None
    rows = await JobAdmin(storage).page(state=only_state, plugin=plugin, before=before, limit=limit + 1)
    return with_links(request, cursors.page(rows, limit, key=lambda row: (row.id,), sort=_SORT, filters=filters))


@get("/{job_id:uuid}", access=READ, leads_to=leads("jobs_retry_job", "jobs_cancel_job", **_THIS))
async def show_job(storage: Injected[Storage], job_id: FromPath[UUID]) -> JobView:
    """Show one background job."""
    return await existing(JobAdmin(storage), job_id)


@post(
    "/{job_id:uuid}/retry",
    access=WRITE,
    problems=(JOB_STATE_CONFLICT, JOB_KEY_TAKEN),
    leads_to=leads("jobs_show_job", "jobs_cancel_job", **_THIS),
    status_code=HTTP_200_OK,
)
async def retry_job(uow: Injected[UnitOfWork], services: Injected[Services], job_id: FromPath[UUID]) -> JobView:
    """Queue a dead job again, with all its attempts."""
    admin = JobAdmin(uow, services.bell)
    await retry(admin, job_id)
    return await existing(admin, job_id)


@post(
    "/{job_id:uuid}/cancel",
    access=WRITE,
    problems=(JOB_STATE_CONFLICT,),
    leads_to=leads("jobs_show_job", "jobs_retry_job", **_THIS),
    status_code=HTTP_200_OK,
)
async def cancel_job(uow: Injected[UnitOfWork], job_id: FromPath[UUID]) -> JobView:
    """Make a job that waits, runs or is parked dead."""
    admin = JobAdmin(uow)
    await cancel(admin, job_id)
    return await existing(admin, job_id)


async def existing(admin: JobAdmin, job_id: UUID) -> JobView:
    """Return the job, or raise Problem 404."""
    job = await admin.show(job_id)
    if job is None:
        raise Problem(NOT_FOUND, "There is no such job.")
    return job


async def retry(admin: JobAdmin, job_id: UUID) -> None:
    """Queue a dead job again.

    Raises:
        Problem: 404 where there is none; 409 where it is not dead, or another job holds its unique key.
    """
    try:
        retried = await admin.retry(job_id)
    except KeyTakenError:
        raise Problem(JOB_KEY_TAKEN) from None
    if not retried:
        job = await existing(admin, job_id)
        raise Problem(JOB_STATE_CONFLICT, f"The job is {job.state}; only a dead one can be retried.")


async def cancel(admin: JobAdmin, job_id: UUID) -> None:
    """Make a job dead.

    Raises:
        Problem: 404 where there is none; 409 where it is done or dead already.
    """
    if not await admin.cancel(job_id):
        job = await existing(admin, job_id)
        raise Problem(JOB_STATE_CONFLICT, f"The job is {job.state}, so there is nothing to cancel.")


async def provide_cursors(services: Injected[Services]) -> Cursors:
    """Return what signs and reads the cursors of the list."""
    return Cursors(await asyncio.to_thread(lambda: key_ring(services.config).keys("job cursors")))


def jobs_routes() -> Router:
    """Return the routes of the queue."""
    return Router(
        path="/api/v1/jobs",
        route_handlers=[list_jobs, show_job, retry_job, cancel_job],
        dependencies={"cursors": Provide(provide_cursors, use_cache=True)},
        tags=["jobs"],
    )
