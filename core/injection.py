"""The running application's services, and how handlers and jobs come by them: by name.

A handler or a job says `storage`, `units`, `clock`, `settings`, or the name of a port as a parameter and is handed
the service of that name. The names are the same for both.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from core.clock import Clock
from core.config import Config
from core.jobs.bell import Bell
from core.jobs.declare import Job
from core.jobs.outbox import JobOutbox
from core.jobs.runner import JobContext
from core.migrations import Migrator
from core.telemetry.metrics import Metrics
from core.telemetry.setup import open_tracing
from core.unit_of_work import UnitOfWorkFactory
from ports.storage import Storage

ALWAYS: Final = ("storage", "units", "clock", "settings")
"""Names that every handler and job may ask for, beside those of the bound ports."""

PER_ATTEMPT: Final = ("uow", "attempt")
"""Names that a job may ask for and that differ from attempt to attempt."""


class Services:
    """What a running application works with. Complete once the application's lifespan has been entered."""

    storage: Storage
    units: UnitOfWorkFactory
    outbox: JobOutbox
    bell: Bell
    migrator: Migrator

    def __init__(
        self, config: Config, clock: Clock, plugin_settings: Mapping[str, msgspec.Struct], *, version: str = ""
    ) -> None:
        self.config = config
        self.metrics = Metrics(version)
        self.tracing = open_tracing("hexastar", version, production=config.is_production)
        self.metrics.watch_spans(self.tracing.tally)
        self.clock = clock
        self.plugin_settings = plugin_settings
        self.ports: dict[str, Any] = {}
        self.draining = False
        """Whether this process was told to stop: it serves on for a moment, and nobody should be sent to it."""
        self.opened: dict[str, Any] = {}
        """What the lifespans of plugins keep open, by names of their own that begin with the plugin's."""

    def of(self, plugin: str, name: str) -> Any:
        """Return the service that a part of `plugin` means by `name`."""
        if name == "settings":
            return self.plugin_settings[plugin]
        return getattr(self, name) if name in ALWAYS else self.ports[name]


def unknown_names(job: Job[Any], ports: Mapping[str, Any] | set[str]) -> list[str]:
    """Return the parameters of `job` that nothing can be handed for."""
    known = {*ALWAYS, *PER_ATTEMPT, *ports}
    return [name for name in job.parameters if name not in known]


class JobInjector:
    """Resolves a job's parameters once; an attempt then costs a copy of a dictionary."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def bind(self, job: Job[Any]) -> Callable[[JobContext], dict[str, Any]]:
        """Return a function that gives the keyword arguments of one attempt of `job`."""
        fixed = {name: self._services.of(job.plugin, name) for name in job.parameters if name not in PER_ATTEMPT}
        varying = [name for name in job.parameters if name in PER_ATTEMPT]

        def arguments(context: JobContext) -> dict[str, Any]:
            return fixed | {name: getattr(context, name) for name in varying}

        return arguments
