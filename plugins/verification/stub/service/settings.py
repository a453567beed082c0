"""The settings of the stub control plane."""

import msgspec

from core.http.problems import VALIDATION_ERROR, Fault, Problem
from core.unit_of_work import UnitOfWork
from plugins.verification.stub.queries import stub_rules as queries
from plugins.verification.stub.rules.chaos import ChaosSettings
from plugins.verification.stub.rules.stored import UnreadableError, read_settings
from plugins.verification.stub.schemas.settings import SettingsOut
from plugins.verification.stub.service.changes import begin_change
from ports.storage import Storage


async def show(storage: Storage) -> SettingsOut:
    """Return the settings in force: the defaults where those that are stored cannot be read."""
    row = await storage.fetch_one(queries.SETTINGS)
    try:
        return _out(read_settings(row.settings if row else {}))
    except UnreadableError:
        return _out(ChaosSettings())


async def put(uow: UnitOfWork, settings: ChaosSettings) -> SettingsOut:
    """Put the settings in force everywhere; a seeded sequence starts afresh in every process.

    Raises:
        Problem: 400 `validation_error`: the delay is not one.
    """
    found = settings.delay.faults() if settings.delay is not None else []
    if found:
        raise Problem(
            VALIDATION_ERROR, faults=[Fault(f"/delay{pointer}", "invalid_delay", reason) for pointer, reason in found]
        )
    await begin_change(uow)
    await uow.execute(queries.PUT_SETTINGS, settings=msgspec.to_builtins(settings))
    return _out(settings)


def _out(settings: ChaosSettings) -> SettingsOut:
    return SettingsOut(
        delay=settings.delay,
        fault_probability=settings.fault_probability,
        faults=settings.faults,
        random_seed=settings.random_seed,
    )
