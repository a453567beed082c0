"""Another plugin, whose jobs want to run while the first plugin's crowd the workers."""

from collections.abc import Sequence
from typing import Any

import msgspec

from core.hookspecs import hookimpl
from core.jobs.declare import Job, job
from core.manifest import PluginManifest

manifest = PluginManifest(name="leisure", version="1.0.0", summary="Jobs beside a crowd")


class Rest(msgspec.Struct, frozen=True):
    """Nothing to know."""


@job("leisure.rest")
async def rest(payload: Rest) -> None:
    """Do nothing."""


@hookimpl
def register_jobs() -> Sequence[Job[Any]]:
    """One job that does nothing."""
    return (rest,)
