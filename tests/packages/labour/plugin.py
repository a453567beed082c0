"""A plugin whose jobs leave traces: each attempt that started, each effect, each tick."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.hookspecs import hookimpl
from core.jobs.declare import Job
from core.manifest import PluginManifest
from labour import jobs

manifest = PluginManifest(name="labour", version="1.0.0", summary="Jobs that are killed, stopped and frozen")


@hookimpl
def register_jobs() -> Sequence[Job[Any]]:
    """Jobs of every kind."""
    return jobs.ALL


@hookimpl
def register_migrations() -> Path:
    """The history of their traces."""
    return Path(__file__).parent / "migrations"
