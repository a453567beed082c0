"""The bench's own plugin: inserts by each door of the unit of work, and jobs whose starts are timed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from litestar.types import ControllerRouterHandler

from core.hookspecs import hookimpl
from core.jobs.declare import Job
from core.manifest import PluginManifest

manifest = PluginManifest(name="bench", version="1.0.0", summary="What the bench measures")


@hookimpl
def register_routes() -> Sequence[ControllerRouterHandler]:
    """One route a door."""
    from tests.bench.plugins.bench import routes

    return [routes.add_compiled, routes.add_by_session, routes.add_object]


@hookimpl
def register_jobs() -> Sequence[Job[Any]]:
    """A job that does nothing, and one that writes a row."""
    from tests.bench.plugins.bench import jobs

    return [jobs.noop, jobs.write]


@hookimpl
def register_tables() -> str:
    """The notes."""
    from tests.bench.plugins.bench import tables

    return tables.SCHEMA


@hookimpl
def register_migrations() -> Path:
    """The history of the notes."""
    return Path(__file__).parent / "migrations"


@hookimpl
def register_commands() -> Sequence[click.Command]:
    """Enqueue many jobs at once, or single ones now and then."""
    from tests.bench.plugins.bench import commands

    return [commands.preload, commands.trickle]
