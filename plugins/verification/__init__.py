"""Verification: primary source verification of doctors, academic records and insurance claims.

A stand-in for medical boards, universities and insurers: administrators register what the sources hold, and everybody
else asks. Every answer carries its evidence, and every decision is recorded.
"""

import importlib
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Final

import click
from litestar import Router
from litestar.types import ControllerRouterHandler

from core.hookspecs import hookimpl
from core.http.health import HealthCheck
from core.http.problems import ProblemType
from core.injection import Services
from core.jobs.declare import Job
from core.manifest import PluginManifest
from plugins.verification.academic.problems import ACADEMIC_PROBLEMS
from plugins.verification.academic.routes import academic_routes
from plugins.verification.demo import seed_demo
from plugins.verification.doctors.problems import DOCTOR_PROBLEMS
from plugins.verification.doctors.routes import doctor_routes
from plugins.verification.evidence.events import retire_verdicts
from plugins.verification.evidence.signing import SIGNER, signing
from plugins.verification.health import HEALTH_CHECKS
from plugins.verification.insurance.commands import load_icd
from plugins.verification.insurance.jobs import JOBS
from plugins.verification.insurance.problems import INSURANCE_PROBLEMS
from plugins.verification.insurance.routes import insurance_routes
from plugins.verification.problems import SHARED_PROBLEMS
from plugins.verification.settings import Settings
from plugins.verification.stub.health import JOURNAL_CHECK
from plugins.verification.stub.jobs import prune_journal
from plugins.verification.stub.journal_problems import JOURNAL_PROBLEMS
from plugins.verification.stub.overlay import overlaid
from plugins.verification.stub.problems import STUB_PROBLEMS
from plugins.verification.stub.routes.journal import journal_routes
from plugins.verification.stub.routes.receipts import receipt_routes
from plugins.verification.stub.routes.router import stub_routes
from plugins.verification.stub.service.control import controlling

manifest: Final = PluginManifest(
    name="verification",
    version="1.0.0",
    summary="Primary source verification of doctors, academic records and insurance claims.",
    optional_ports=("mail",),  # a job sends; while mail is away it waits, and everything else is served
    settings=Settings,
)


@hookimpl
def register_routes(settings: Settings) -> Sequence[ControllerRouterHandler]:
    """Return the routes of the three groups, and those that control the stubs where there is a control plane."""
    control = [stub_routes(), journal_routes(), receipt_routes()] if settings.stub.enabled else []
    groups = [doctor_routes(settings), academic_routes(settings), insurance_routes()]
    signed = Router(path="/", route_handlers=[overlaid(groups, settings.stub)], dependencies={"signer": SIGNER})
    return [signed, *control]


@hookimpl
def register_jobs() -> Sequence[Job[Any]]:
    """Return what runs in the background: notifications, deadlines, loading the list of ICD codes, old entries."""
    return [*JOBS, prune_journal]


@hookimpl
def register_subscribers() -> Sequence[Job[Any]]:
    """Return what follows from events: a doctor's changed records make older verdicts stale."""
    return [retire_verdicts]


@hookimpl
def register_tables() -> str:
    """Import every table and return the Postgres schema that they live in."""
    for group in ("doctors", "academic", "insurance", "evidence", "stub"):
        importlib.import_module(f"{__name__}.{group}.tables")
    importlib.import_module(f"{__name__}.stub.journal_tables")
    return manifest.name


@hookimpl
def register_migrations() -> Path:
    """Return the folder of this plugin's migrations."""
    return Path(__file__).parents[2] / "migrations" / "verification"


@hookimpl
def register_commands() -> Sequence[click.Command]:
    """Return `seed-demo` and `load-icd`."""
    return [seed_demo, load_icd]


@hookimpl
def register_lifespan(settings: Settings) -> Sequence[Callable[[Services], AbstractAsyncContextManager[None]]]:
    """Keep the journal, follow the rules and sign receipts, where there is a control plane."""
    return [controlling, signing] if settings.stub.enabled else []


@hookimpl
def register_health_checks(settings: Settings) -> Sequence[HealthCheck]:
    """Return whether the tables can be read, how much is registered, and how much the journal holds."""
    return [*HEALTH_CHECKS, JOURNAL_CHECK] if settings.stub.enabled else HEALTH_CHECKS


@hookimpl
def register_problems() -> Sequence[ProblemType]:
    """Return the kinds of problem of the three groups and of the stub control plane."""
    return [
        *SHARED_PROBLEMS,
        *DOCTOR_PROBLEMS,
        *ACADEMIC_PROBLEMS,
        *INSURANCE_PROBLEMS,
        *STUB_PROBLEMS,
        *JOURNAL_PROBLEMS,
    ]
