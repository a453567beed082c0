"""A plugin that faults are tried on: it notes entries, enqueues jobs that note effects, and waits where told to."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from litestar.types import ControllerRouterHandler

from core.hookspecs import hookimpl
from core.http.problems import ProblemType
from core.jobs.declare import Job
from core.manifest import PluginManifest
from tally import jobs, routes, tables

manifest = PluginManifest(name="tally", version="1.0.0", summary="What faults are tried on")


@hookimpl
def register_routes() -> Sequence[ControllerRouterHandler]:
    """Entries by each door, unique jobs, and requests that last."""
    return routes.ROUTES


@hookimpl
def register_problems() -> Sequence[ProblemType]:
    """What an entry is refused with."""
    return (routes.REFUSED,)


@hookimpl
def register_jobs() -> Sequence[Job[Any]]:
    """Jobs that note what they did."""
    return jobs.ALL


@hookimpl
def register_tables() -> str:
    """Entries and effects."""
    return tables.SCHEMA


@hookimpl
def register_migrations() -> Path:
    """The history of both."""
    return Path(__file__).parent / "migrations"
